"""Which nets and styles a benchmark looks at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines.errors import BadInputError
from engines.library import Library
from engines.names import nearest
from engines.net_file import NetFile
from engines.style_file import Style

__all__ = ["Painted", "painted_by"]


@dataclass(frozen=True, kw_only=True)
class Painted:
    """One net with the styles that are to be measured."""

    label: str
    """What the user called it."""
    net: NetFile
    styles: dict[str, Style]


def painted_by(net: str, only: list[str] | None = None) -> Painted:
    """A net by its name, or by its file: then its styles are those in the folder beside it that has its name.

    only: style names; None: all. Raises BadInputError for an unknown one.
    """
    library = Library(Path(net).parent) if net.endswith(".onnx") else Library()
    file = library.net(net)
    known = library.styles(file.spec.name)
    for name in only or ():
        if name not in known:
            raise BadInputError(f"net {net} has no style called {name!r}{nearest(name, known)}")
    styles = {name: library.style(name, file) for name in (only or known)}
    if not styles:
        raise BadInputError(f"net {net} has no styles: expected them in a folder {file.spec.name} beside it")
    return Painted(label=net, net=file, styles=styles)
