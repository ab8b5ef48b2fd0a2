"""The style file: a few kilobytes of safetensors that turn a net into one painter.

One tensor `style`, float32 `(style_length,)`: the scales and shifts of every normalised channel (Dumoulin, Shlens,
Kudlur 2017). The metadata says whose picture it is and which net it belongs to.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.atomic import read_whole, write_whole
from engines.errors import StyleFileError
from engines.net_file import NetFile

__all__ = ["FORMAT", "Style", "check_belongs", "read_style", "write_style"]

FORMAT = "1"
_LARGEST = 16 * 2**20
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TEXTS = ("name", "title", "artist", "year", "licence", "source", "net", "net_digest")


@dataclass(frozen=True, kw_only=True, eq=False)
class Style:
    """One style of one net."""

    name: str
    """Lower case letters, digits and single hyphens: what a user types after --style."""
    vector: NDArray[np.float32] = field(repr=False)
    """float32 `(style_length,)`, finite."""
    net: str
    """Name of the net that it belongs to."""
    net_digest: str
    """Digest of that net's file."""
    title: str = ""
    artist: str = ""
    year: str = ""
    licence: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise StyleFileError(f"a style's name is made of lower case letters, digits and hyphens, got {self.name!r}")
        if self.vector.dtype != np.float32 or self.vector.ndim != 1 or not self.vector.size:
            raise StyleFileError(
                f"style {self.name}: expected one row of float32 numbers, got {self.vector.dtype} {self.vector.shape}"
            )
        if not np.isfinite(self.vector).all():
            raise StyleFileError(f"style {self.name}: the vector holds NaN or infinity")


def read_style(path: Path | str) -> Style:
    """Read a style file and check all of it. Raises StyleFileError with what is wrong with it."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = Path(path)
    content = read_whole(path, largest=_LARGEST, error=StyleFileError)
    try:
        tensors = load(content)
        metadata = _metadata(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StyleFileError(f"{path}: expected a safetensors file, but it cannot be parsed as one") from error
    if metadata.get("format") != FORMAT:
        raise StyleFileError(
            f"{path}: style format {FORMAT} is expected, this file has {metadata.get('format', 'none')}"
        )
    if set(tensors) != {"style"}:
        raise StyleFileError(f"{path}: expected one tensor named style, found {', '.join(sorted(tensors)) or 'none'}")
    missing = [key for key in ("name", "net", "net_digest") if not metadata.get(key)]
    if missing:
        raise StyleFileError(f"{path}: the metadata has no {' and no '.join(missing)}")
    try:
        return Style(vector=tensors["style"], **{key: metadata.get(key, "") for key in _TEXTS})
    except StyleFileError as error:
        raise StyleFileError(f"{path}: {error}") from error


def write_style(path: Path | str, style: Style) -> None:
    """Write a style file; it appears whole or not at all. Equal styles give equal bytes. Raises OutputError."""
    from safetensors.numpy import save

    metadata = {"format": FORMAT} | {key: getattr(style, key) for key in _TEXTS}
    content = save({"style": np.ascontiguousarray(style.vector)}, metadata)
    write_whole(Path(path), _with_sorted_header(content))


def check_belongs(style: Style, net: NetFile) -> None:
    """Raise StyleFileError where `style` was not made for exactly this net."""
    if style.net_digest != net.digest:
        raise StyleFileError(
            f"style {style.name} was made for net {style.net} {style.net_digest[:12]}, "
            f"not for {net.spec.name} {net.digest[:12]}: fit it again with rtstyle train style"
        )
    if style.vector.size != net.spec.style_length:
        raise StyleFileError(
            f"style {style.name}: expected {net.spec.style_length} numbers for net {net.spec.name}, "
            f"got {style.vector.size}"
        )


def _with_sorted_header(content: bytes) -> bytes:
    """The same safetensors file with its header in one order: the library writes metadata in an order of chance."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    text = json.dumps(header, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the numbers stay aligned
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _metadata(content: bytes) -> dict[str, str]:
    """The free-text part of a safetensors header: 8 bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict):
        raise ValueError("metadata is not an object")
    return {str(key): str(value) for key, value in metadata.items()}
