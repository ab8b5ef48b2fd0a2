"""The folder of compiled engines: each is a plan with a JSON sidecar, and is found by its key, never by its name alone.

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
from engines.errors import BackendError, BadInputError, MissingPackageError
from engines.fp16 import CONVERTER
from engines.library import Library
from engines.names import nearest
from engines.nvidia.driver import WAY_ON, find_gpu
from engines.nvidia.key import EngineKey, SizeRange
from engines.nvidia.runtimes import installed_version, load_runtime, platform_of, runtime_facts

__all__ = ["EngineStore", "StoredEngine", "layer_lines", "problem_of"]

_FORMAT = 1
_PLAN, _SIDECAR, _JIT, _TIMING = ".engine", ".json", ".jit", ".timing"


@dataclass(frozen=True, kw_only=True)
class StoredEngine:
    """An engine in the folder."""

    key: EngineKey
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
        return {"key": self.key.digest, "path": str(self.path), **_sidecar(self)}


class EngineStore:
    """The engines in a folder, which is read at each question."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entries(self) -> list[StoredEngine]:
        """All engines whose sidecar can be read, by file name."""
        found = (_read_sidecar(path) for path in sorted(self.folder.glob("*" + _SIDECAR)))
        return [stored for stored in found if stored is not None]

    def strays(self) -> list[Path]:
        """Files here that belong to no engine: left by a crash, or of another format; no timing caches."""
        owned = {path for stored in self.entries() for path in _files_of(stored)}
        kept = {*owned, *self.folder.glob("*" + _TIMING)}
        return sorted(p for p in self.folder.glob("*") if p.is_file() and p not in kept)

    def find(self, wanted: EngineKey) -> tuple[StoredEngine | None, list[str]]:
        """The engine to use for `wanted` (of one size, for one GPU), and why those of the same net cannot serve.

        A fixed size goes before a range, the narrower range before the wider.
        """
        fits: list[StoredEngine] = []
        reasons: list[str] = []
        for stored in self.entries():
            key = stored.key
            if (key.net, key.runtime, key.precision) != (wanted.net, wanted.runtime, wanted.precision):
                continue
            misfit = key.misfit(wanted)
            if misfit is None:
                fits.append(stored)
            elif key.sizes.takes(wanted.sizes.typical):
                reasons.append(f"{stored.path.name}: {misfit}")
        fits.sort(key=lambda stored: (not stored.key.sizes.is_fixed, _area(stored.key.sizes.largest)))
        return (fits[0] if fits else None), reasons

    def by_name(self, name: str) -> StoredEngine:
        """An engine by its key's digest (or the beginning of it), file name or path. Raises BadInputError."""
        entries = self.entries()
        found = [s for s in entries if s.key.digest.startswith(name) or name in (s.path.name, s.path.stem, str(s.path))]
        if len(found) != 1:
            problem = "several engines match" if found else "no engine is called"
            raise BadInputError(f"{problem} {name!r}{nearest(name, [s.key.digest for s in found or entries])}")
        return found[0]

    def save(self, key: EngineKey, plan: bytes, *, build_s: float) -> StoredEngine:
        """Write the plan, then its sidecar: an engine is there when its sidecar is. Raises OutputError."""
        stored = StoredEngine(
            key=key,
            path=self.folder / (key.file_stem + _PLAN),
            sha256=hashlib.sha256(plan).hexdigest(),
            nbytes=len(plan),
            build_s=round(build_s, 2),
            built=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        )
        stored.jit_path.unlink(missing_ok=True)
        write_whole(stored.path, plan)
        _write_sidecar(stored)
        return stored

    def mark_checked(self, stored: StoredEngine, gpu: str, psnr_db: float) -> StoredEngine:
        """Remember that the engine paints what the CPU paints, on this GPU. Raises OutputError."""
        marked = dataclasses.replace(stored, checked={**stored.checked, gpu: round(psnr_db, 2)})
        _write_sidecar(marked)
        return marked

    def timing_path(self, key: EngineKey) -> Path:
        """The timing cache of a runtime on a GPU: the next build of any net measures less."""
        digest = hashlib.sha256(f"{key.runtime} {key.version} {key.device}".encode()).hexdigest()[:12]
        return self.folder / f"{key.runtime}-{key.version}-{digest}{_TIMING}"

    def remove(self, paths: Iterable[Path]) -> int:
        """Delete files; returns how many bytes that freed."""
        freed = 0
        for path in paths:
            try:
                nbytes = path.stat().st_size
                path.unlink()
            except OSError:
                continue  # gone already, or in use on Windows: the next clean takes it
            freed += nbytes
        return freed

    def files_of(self, stored: StoredEngine) -> list[Path]:
        """The sidecar first: without it the rest counts as nothing."""
        return [path for path in _files_of(stored) if path.exists()]


def problem_of(stored: StoredEngine) -> str | None:
    """Why nothing on this machine can use an engine; None where it can, or where only the GPU is missing."""

    key = stored.key
    try:
        version = installed_version(key.runtime)
    except MissingPackageError:
        version = None  # it may come back: not for `clean` to judge
    if version is not None and version != key.version:
        return f"built by {key.runtime} {key.version}, this is {version}"
    if key.converter != CONVERTER:
        return "made by another version of rtstyle"
    if key.platform != platform_of(runtime_facts(key.runtime)):
        return f"built on {key.platform}"
    library = Library()
    if key.net in library.nets() and library.net(key.net).digest != key.net_digest:
        return "made from another file of that net"
    try:
        stored.read()
    except BackendError:
        return "damaged"
    return None


def layer_lines(stored: StoredEngine) -> list[str]:
    """One line for each layer, in the vendor's words. Raises BackendError without a GPU. Not yet run on a GPU."""
    find_gpu()
    runtime = load_runtime(stored.key.runtime)
    trt = runtime.trt
    engine = trt.Runtime(runtime.log).deserialize_cuda_engine(stored.read())
    if engine is None:
        raise BackendError(f"{runtime.facts.title} cannot load the engine here ({runtime.reason()}), or {WAY_ON}")
    text = engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON)
    layers = json.loads(text).get("Layers", [])
    return [layer if isinstance(layer, str) else json.dumps(layer) for layer in layers]


def _files_of(stored: StoredEngine) -> list[Path]:
    return [stored.path.with_suffix(_SIDECAR), stored.path, stored.jit_path]


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _sidecar(stored: StoredEngine) -> dict[str, Any]:
    values = asdict(stored)
    del values["path"]
    return {"format": _FORMAT, "recipe": values.pop("key"), **values}  # a name that is older than EngineKey


def _write_sidecar(stored: StoredEngine) -> None:
    text = json.dumps(_sidecar(stored), indent=2, sort_keys=True) + "\n"
    write_whole(stored.path.with_suffix(_SIDECAR), text.encode())


def _read_sidecar(path: Path) -> StoredEngine | None:
    """None for anything that this version did not write."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("format") != _FORMAT:
            return None
        facts = values.pop("recipe")
        sizes = SizeRange(**{name: (int(w), int(h)) for name, (w, h) in facts.pop("sizes").items()})
        facts["targets"] = tuple(facts["targets"])
        stored = StoredEngine(key=EngineKey(sizes=sizes, **facts), path=path.with_suffix(_PLAN), **values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, BadInputError):
        return None
    return stored if stored.path.is_file() else None
