"""What `rtstyle styles` tells of styles and nets, and which importer a file needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from engines.atomic import read_whole
from engines.errors import BadInputError, MissingPackageError, NetFileError
from engines.import_onnx import RANGES, Imported, net_from_onnx
from engines.library import Library, shipped_folder
from engines.names import nearest
from engines.net_file import NetFile
from engines.library import Style, read_style

__all__ = ["facts_of", "imported_net", "merged", "name_for", "rows_of_net"]

_LARGEST = 512 * 2**20
_CHECKPOINT_STARTS = (b"PK\x03\x04", b"\x80")
"""A zip archive, or a pickle: what torch.save writes, today and before PyTorch 1.6."""
_CHECKPOINT_ENDS = (".pth", ".pt", ".model")


def rows_of_net(library: Library, name: str) -> list[dict[str, str]]:
    """One row for each style of a net, and one for a net that is itself a style."""
    net = library.net(name)
    if net.spec.kind != "style":
        return []
    if not net.spec.style_length:
        source = str(net.spec.training.get("imported_from", ""))
        title = f"imported from {source}" if source else ""
        return [{"name": net.spec.name, "title": title, "artist": "", "year": "", "net": net.spec.name}]
    styles = [library.style(style, net) for style in library.styles_of(net)]
    return [
        {"name": s.name, "title": s.title, "artist": s.artist, "year": s.year, "net": net.spec.name} for s in styles
    ]


def merged(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """One row for a style that several nets have, with their names one after the other; the order stays."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        same = found.setdefault(tuple(value for key, value in row.items() if key != "net"), {**row, "net": ""})
        same["net"] += f"{', ' if same['net'] else ''}{row['net']}"
    return list(found.values())


def facts_of(name: str, net: str | None) -> dict[str, Any]:
    """All facts of a style or, where no style is called so, of a net. Raises BadInputError."""
    library = Library()
    if name.endswith(".onnx"):
        return _net_facts(library.net(name), library)
    if name.endswith(".safetensors"):
        return _style_facts(read_style(name), Path(name))
    nets = [library.net(net)] if net is not None else [library.net(known) for known in library.nets()]
    for file in nets:
        styles = library.styles_of(file)
        if name in styles:
            return _style_facts(library.style(name, file), styles[name])
    for file in nets:
        if name in (file.spec.name, net):
            return _net_facts(file, library)
    known = {file.spec.name for file in nets} | {style for file in nets for style in library.styles_of(file)}
    raise BadInputError(f"no style and no net is called {name!r}{nearest(name, known)}")


def name_for(path: Path, name: str | None) -> str:
    """The name of an imported net: the given one, or one made of the file's name. Raises BadInputError."""
    called = name if name is not None else re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", called):
        raise BadInputError(
            f"a net's name is made of lower case letters, digits and hyphens, got {called!r}: choose one with --name"
        )
    if (shipped_folder() / f"{called}.onnx").exists():
        raise BadInputError(f"{called} is the name of a shipped net: choose another with --name")
    return called


def imported_net(path: Path, *, name: str, white: str | None) -> Imported:
    """A net made of a checkpoint, by what the file holds and not by what it is called. Raises RtStyleError."""
    ranges = {str(number): number for number in RANGES}
    if white is not None and white not in ranges:
        raise BadInputError(f"--range is {' or '.join(ranges)}, got {white!r}")
    if not read_whole(path, largest=_LARGEST).startswith(_CHECKPOINT_STARTS):
        try:
            return net_from_onnx(path, name=name, white=ranges[white] if white else None)
        except NetFileError as error:
            if path.suffix.lower() not in _CHECKPOINT_ENDS:
                raise
            raise BadInputError(
                f"{path}: expected a PyTorch checkpoint or an ONNX file, it is neither ({error}): fetch it once more"
            ) from error
    if white is not None:
        raise BadInputError(f"{path}: a PyTorch checkpoint, --range is for ONNX files")
    try:
        from train.import_checkpoint import net_from_checkpoint
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingPackageError("importing a PyTorch checkpoint", "torch", extra="train") from error
    return net_from_checkpoint(path, name=name)


def _style_facts(style: Style, path: Path) -> dict[str, Any]:
    return {
        "style": style.name,
        "title": style.title,
        "artist": style.artist,
        "year": style.year,
        "licence": style.licence,
        "source": style.source,
        "net": style.net,
        "net_digest": style.net_digest,
        "numbers": style.vector.size,
        "path": str(path),
    }


def _net_facts(net: NetFile, library: Library) -> dict[str, Any]:
    return {
        "net": net.spec.name,
        "kind": net.spec.kind,
        "scale": net.spec.scale,
        "size_multiple": net.spec.size_multiple,
        "style_length": net.spec.style_length,
        "margin": net.spec.margin,
        "licence": net.spec.licence,
        "training": dict(net.spec.training),
        "digest": net.digest,
        "bytes": len(net.model),
        "path": str(net.path),
        "styles": list(library.styles_of(net)) if net.spec.style_length else [],
    }
