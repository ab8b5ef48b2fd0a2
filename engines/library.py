"""Styles, and the library of nets and styles: those shipped with the package, and the user's own.

    library = Library()
    net = library.net("fast")
    vector = library.style("udnie", net).vector

Both folders have one layout: `NET.onnx` is a net, `NET/STYLE.safetensors` are its styles. The user's folder is
RTSTYLE_HOME or, without it, the user data folder of the system; its files come before shipped ones of the same name.
A net that is named by its path has its styles beside it, in the same layout.

A style file is a few kilobytes of safetensors that make a net paint in one style. It holds one tensor `style`, float32
`(style_length,)`: the scales and shifts of every normalised channel (Dumoulin, Shlens, Kudlur 2017). The metadata says
whose picture it is and which net it belongs to.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from engines.atomic import read_whole, write_whole
from engines.errors import BadInputError, NetFileError, StyleFileError
from engines.names import nearest
from engines.net_file import NetFile, read_net

__all__ = [
    "DEFAULT_NET",
    "DEFAULT_SR_MODE",
    "Library",
    "Style",
    "check_belongs",
    "read_style",
    "shipped_folder",
    "upscaler",
    "upscalers",
    "user_folder",
    "write_style",
]

DEFAULT_NET = "fast"
_SR_MODES = ("fidelity", "perceptual")
"""fidelity: nearest to the original in pixels; perceptual: sharper, and cleans what cameras and codecs leave."""
DEFAULT_SR_MODE = "perceptual"

_NET, _STYLE = ".onnx", ".safetensors"
_FORMAT = "1"
"""The format version of style files that this module writes, and the only one that it reads."""
_LARGEST = 16 * 2**20
"""Bytes of a style file."""
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
    if metadata.get("format") != _FORMAT:
        raise StyleFileError(
            f"{path}: style format {_FORMAT} is expected, this file has {metadata.get('format', 'none')}"
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

    metadata = {"format": _FORMAT} | {key: getattr(style, key) for key in _TEXTS}
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
    """The same safetensors file with its header in one order: the library writes metadata in random order."""
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


def shipped_folder() -> Path:
    """The nets and styles that came with the package."""
    return Path(__file__).parent / "shipped"


def user_folder() -> Path:
    """RTSTYLE_HOME, or the user data folder of the system. It need not exist."""
    named = os.environ.get("RTSTYLE_HOME")
    return Path(named) if named else platformdirs.user_data_path("rtstyle", appauthor=False)


class Library:
    """Nets and styles by name. The folders are read at each question: a file that is copied in is found at once."""

    def __init__(self, *folders: Path) -> None:
        """`folders` come in the order of precedence; none: the user's, then the shipped one."""
        self._folders = folders or (user_folder(), shipped_folder())

    def nets(self) -> dict[str, Path]:
        """Paths of all nets by name, the default net first."""
        found = {path.stem: path for folder in reversed(self._folders) for path in sorted(folder.glob("*" + _NET))}
        return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT_NET, item[0])))

    def styles(self, net: str) -> dict[str, Path]:
        """Paths of all styles of a net of this library by name."""
        return self._styles(net, self.nets().get(net))

    def styles_of(self, net: NetFile) -> dict[str, Path]:
        """Paths of all styles of a net by name, wherever it was read from."""
        return self._styles(net.spec.name, net.path or self.nets().get(net.spec.name))

    def folder_for_styles(self, net: NetFile) -> Path:
        """Where a new style of a net goes: beside the net's file, or into the user's folder for a shipped net."""
        beside = None if net.path is None else net.path.parent
        return (user_folder() if beside in (None, shipped_folder()) else beside) / net.spec.name

    def _styles(self, name: str, net: Path | None) -> dict[str, Path]:
        """Styles beside `net`, beside files that equal it and, where it is this library's own, in other folders."""
        own = self.nets().get(name)
        found: dict[str, Path] = {}
        for folder in reversed(self._folders):
            beside = folder / (name + _NET)
            if _equal(beside if beside.exists() else own, net):
                found |= _styles_in(folder / name)
        if net is not None and net.parent not in self._folders:
            found |= _styles_in(net.parent / name)
        return dict(sorted(found.items()))

    def nets_with(self, styles: Collection[str]) -> list[str]:
        """Names of all nets that have styles of all these names, the default net first; none for paths of files."""
        return [name for name in self.nets() if self.styles(name).keys() >= set(styles)]

    def net(self, name: str) -> NetFile:
        """A net by its name, or by the path of its file. Raises BadInputError for an unknown one."""
        if _is_path(name, _NET):
            return _read_net_cached(Path(name), _stamp(Path(name)))
        nets = self.nets()
        if name not in nets:
            raise BadInputError(f"no net is called {name!r}{nearest(name, nets)}")
        net = _read_net_cached(nets[name], _stamp(nets[name]))
        if net.spec.name != name:
            raise NetFileError(f"{nets[name]}: the file holds net {net.spec.name!r}: name it {net.spec.name}{_NET}")
        return net

    def style(self, name: str, net: NetFile) -> Style:
        """A style of a net by its name, or by the path of its file. Raises BadInputError for an unknown one."""
        if _is_path(name, _STYLE):
            style = read_style(name)
        else:
            styles = self.styles_of(net)
            if name not in styles:
                raise BadInputError(f"net {net.spec.name} has no style called {name!r}{nearest(name, styles)}")
            style = read_style(styles[name])
            if style.name != name:
                raise StyleFileError(
                    f"{styles[name]}: the file holds style {style.name!r}: name it {style.name}{_STYLE}"
                )
        check_belongs(style, net)
        return style

    def net_of(self, style: str) -> NetFile:
        """The net that a style name asks for: the first with such a style, or an imported net of that name."""
        if style.endswith(_NET):
            return self.net(style)
        if _is_path(style, _STYLE):
            wanted = read_style(style)
            for name in self.nets():
                if self.net(name).digest == wanted.net_digest:
                    return self.net(name)
            raise StyleFileError(
                f"{style}: made for net {wanted.net} {wanted.net_digest[:12]}, which is not here: pass it with --net"
            )
        nets = self.nets()
        for name in nets:
            if style in self.styles(name):
                return self.net(name)
        if style in nets:
            return self.net(style)
        known = {known for name in nets for known in self.styles(name)} | {
            name for name in nets if not self.styles(name) and self.net(name).spec.kind == "style"
        }
        raise BadInputError(f"no style is called {style!r}{nearest(style, known)}")


def _is_path(name: str, suffix: str) -> bool:
    return name.endswith(suffix) or os.sep in name or (os.altsep is not None and os.altsep in name)


def _styles_in(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.glob("*" + _STYLE)}


def _equal(one: Path | None, other: Path | None) -> bool:
    """Whether two files hold the same net. One that cannot be read counts as the same: using it says what is wrong."""
    if one is None or other is None or one == other:
        return True
    try:
        return _read_net_cached(one, _stamp(one)).digest == _read_net_cached(other, _stamp(other)).digest
    except NetFileError:
        return True


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise NetFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a name that no file can have
        raise NetFileError(f"{str(path)!r}: cannot be read: {error}") from error
    return status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=8)
def _read_net_cached(path: Path, stamp: tuple[int, int]) -> NetFile:
    """Reading checks every weight, so a file that has not changed is read once."""
    del stamp  # only part of the key
    return read_net(path)


def upscalers(library: Library) -> dict[str, tuple[int, str]]:
    """(scale, mode) by name of the nets called `srSCALE-MODE`, in the order of scales."""
    found = {}
    for name in library.nets():
        start, _, mode = name.partition("-")
        if start.startswith("sr") and start[2:].isdecimal() and mode in _SR_MODES:
            found[name] = (int(start[2:]), mode)
    return dict(sorted(found.items(), key=lambda item: item[1]))


def upscaler(scale: int, mode: str | None = None, *, library: Library | None = None) -> NetFile:
    """The net that enlarges by `scale`; mode: `fidelity` or `perceptual`, None is the default. Raises BadInputError."""
    library = library or Library()
    mode = mode or DEFAULT_SR_MODE
    if mode not in _SR_MODES:
        raise BadInputError(f"the mode of an upscaler is one of {', '.join(_SR_MODES)}, got {mode!r}")
    known = upscalers(library)
    name = f"sr{scale}-{mode}"
    if name not in known:
        there = ", ".join(f"{s} ({m})" for s, m in known.values()) or "none, make one with: rtstyle train sr"
        raise BadInputError(f"no upscaler enlarges {scale} times ({mode}); there are: {there}")
    net = library.net(name)
    if net.spec.kind != "upscale" or net.spec.scale != scale:
        does = f"{net.spec.scale} times ({net.spec.kind})"
        raise BadInputError(f"{net.path}: expected a net that enlarges {scale} times, this one does {does}")
    return net
