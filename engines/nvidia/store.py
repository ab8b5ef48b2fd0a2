"""The folder of compiled engines: a plan and a JSON sidecar for each, found by what they are, never by name alone.

The sidecar says what the engine was made for and the SHA-256 of the plan; without it, or with another digest, a plan
is damaged and is built anew.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engines.atomic import write_whole
from engines.errors import BackendError, BadInputError
from engines.names import nearest
from engines.nvidia.recipe import Recipe, SizeRange

__all__ = ["EngineStore", "Stored"]

FORMAT = 1
_PLAN, _SIDECAR, _JIT, _TIMING = ".engine", ".json", ".jit", ".timing"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An engine in the folder."""

    recipe: Recipe
    path: Path
    """The plan."""
    sha256: str
    nbytes: int
    build_s: float
    built: str
    """Date and time, UTC, ISO 8601."""
    checked: dict[str, float] = dataclasses.field(default_factory=dict)
    """PSNR in dB against the CPU reference, by the name of the GPU that it was measured on."""

    @property
    def jit_path(self) -> Path:
        """Where TensorRT for RTX keeps what it compiled on this GPU."""
        return self.path.with_suffix(_JIT)

    def read(self) -> bytes:
        """The plan. Raises BackendError where it is not the one that was written."""
        try:
            plan = self.path.read_bytes()
        except OSError as error:
            raise BackendError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        if hashlib.sha256(plan).hexdigest() != self.sha256:
            raise BackendError(f"{self.path}: damaged: its content is not what was written")
        return plan

    def summary(self) -> dict[str, Any]:
        """JSON values, as in the sidecar, and the path."""
        return {"key": self.recipe.key, "path": str(self.path), **_sidecar(self)}


class EngineStore:
    """Reads the folder anew at each question."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entries(self) -> list[Stored]:
        """All engines whose sidecar can be read, by file name."""
        found = (_read_sidecar(path) for path in sorted(self.folder.glob("*" + _SIDECAR)))
        return [stored for stored in found if stored is not None]

    def strays(self) -> list[Path]:
        """Files here that belong to no engine: left by a crash, or of another format; no timing caches."""
        owned = {path for stored in self.entries() for path in _files_of(stored)}
        kept = {*owned, *self.folder.glob("*" + _TIMING)}
        return sorted(p for p in self.folder.glob("*") if p.is_file() and p not in kept)

    def find(self, wanted: Recipe) -> tuple[Stored | None, list[str]]:
        """The engine to use for `wanted` (of one size, for one GPU), and why those of the same net cannot serve.

        A fixed size goes before a range, the narrower range before the wider.
        """
        fits: list[Stored] = []
        reasons: list[str] = []
        for stored in self.entries():
            recipe = stored.recipe
            if (recipe.net, recipe.runtime, recipe.precision) != (wanted.net, wanted.runtime, wanted.precision):
                continue
            misfit = recipe.misfit(wanted)
            if misfit is None:
                fits.append(stored)
            elif recipe.sizes.takes(wanted.sizes.typical):
                reasons.append(f"{stored.path.name}: {misfit}")
        fits.sort(key=lambda stored: (not stored.recipe.sizes.is_fixed, _area(stored.recipe.sizes.largest)))
        return (fits[0] if fits else None), reasons

    def by_name(self, name: str) -> Stored:
        """An engine by its key (or the beginning of it), file name or path. Raises BadInputError."""
        entries = self.entries()
        found = [s for s in entries if s.recipe.key.startswith(name) or name in (s.path.name, s.path.stem, str(s.path))]
        if len(found) != 1:
            problem = "several engines match" if found else "no engine is called"
            raise BadInputError(f"{problem} {name!r}{nearest(name, [s.recipe.key for s in found or entries])}")
        return found[0]

    def save(self, recipe: Recipe, plan: bytes, *, build_s: float) -> Stored:
        """Write the plan, then its sidecar: an engine is there when its sidecar is. Raises OutputError."""
        stored = Stored(
            recipe=recipe,
            path=self.folder / (recipe.file_stem + _PLAN),
            sha256=hashlib.sha256(plan).hexdigest(),
            nbytes=len(plan),
            build_s=round(build_s, 2),
            built=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        )
        stored.jit_path.unlink(missing_ok=True)
        write_whole(stored.path, plan)
        _write_sidecar(stored)
        return stored

    def mark_checked(self, stored: Stored, gpu: str, psnr_db: float) -> Stored:
        """Remember that the engine paints what the CPU paints, on this GPU. Raises OutputError."""
        marked = dataclasses.replace(stored, checked={**stored.checked, gpu: round(psnr_db, 2)})
        _write_sidecar(marked)
        return marked

    def timing_path(self, recipe: Recipe) -> Path:
        """The timing cache of a runtime on a GPU: the next build of any net measures less."""
        key = hashlib.sha256(f"{recipe.runtime} {recipe.version} {recipe.device}".encode()).hexdigest()[:12]
        return self.folder / f"{recipe.runtime}-{recipe.version}-{key}{_TIMING}"

    def remove(self, paths: Iterable[Path]) -> int:
        """Delete files; returns the bytes that are free again."""
        freed = 0
        for path in paths:
            try:
                nbytes = path.stat().st_size
                path.unlink()
            except OSError:
                continue  # gone already, or in use on Windows: the next clean takes it
            freed += nbytes
        return freed

    def files_of(self, stored: Stored) -> list[Path]:
        """The sidecar first: without it the rest counts as nothing."""
        return [path for path in _files_of(stored) if path.exists()]


def _files_of(stored: Stored) -> list[Path]:
    return [stored.path.with_suffix(_SIDECAR), stored.path, stored.jit_path]


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _sidecar(stored: Stored) -> dict[str, Any]:
    values = asdict(stored)
    del values["path"]
    return {"format": FORMAT, **values}


def _write_sidecar(stored: Stored) -> None:
    text = json.dumps(_sidecar(stored), indent=2, sort_keys=True) + "\n"
    write_whole(stored.path.with_suffix(_SIDECAR), text.encode())


def _read_sidecar(path: Path) -> Stored | None:
    """None for anything that this version did not write."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            return None
        recipe = values.pop("recipe")
        sizes = SizeRange(**{name: (int(w), int(h)) for name, (w, h) in recipe.pop("sizes").items()})
        recipe["targets"] = tuple(recipe["targets"])
        stored = Stored(recipe=Recipe(sizes=sizes, **recipe), path=path.with_suffix(_PLAN), **values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, BadInputError):
        return None
    return stored if stored.path.is_file() else None
