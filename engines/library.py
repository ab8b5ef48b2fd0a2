"""Where nets and styles are found: those shipped with the package, and the user's own.

Both folders have one layout: `NET.onnx` is a net, `NET/STYLE.safetensors` are its styles. The user's folder is
RTSTYLE_HOME or, without it, the user data folder of the system; its files come before shipped ones of the same name.
A net that is named by its path has its styles beside it, in the same layout.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Collection
from pathlib import Path

import platformdirs

from engines.errors import BadInputError, NetFileError, StyleFileError
from engines.names import nearest
from engines.net_file import NetFile, read_net
from engines.style_file import Style, check_belongs, read_style

__all__ = ["DEFAULT_NET", "Library", "shipped_folder", "user_folder"]

DEFAULT_NET = "fast"
_NET, _STYLE = ".onnx", ".safetensors"


def shipped_folder() -> Path:
    return Path(__file__).parent / "shipped"


def user_folder() -> Path:
    """RTSTYLE_HOME, or the user data folder of the system. It need not exist."""
    named = os.environ.get("RTSTYLE_HOME")
    return Path(named) if named else platformdirs.user_data_path("rtstyle", appauthor=False)


class Library:
    """Nets and styles by name, found anew at each question: a file that is copied in is there at once."""

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
        """Where a new style of a net that was read goes: beside the net, for shipped ones into the user's folder."""
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
    """Whether two files hold the same net. What cannot be told is taken for the same: using it says what is wrong."""
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
