"""Nets with the styles in which they are to be measured, for quality and flicker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.backends import open_engine
from engines.contract import Engine, EngineOptions
from engines.errors import BadInputError
from engines.library import Library, Style
from engines.names import nearest
from engines.net_file import NetFile

__all__ = ["StyledNet", "styled_nets"]


@dataclass(frozen=True, kw_only=True)
class StyledNet:
    """One net with the styles that are to be measured."""

    label: str
    """What the user called it."""
    net: NetFile
    styles: dict[str, Style]
    precision: str | None = None
    """What the net computes in; None: the backend's choice."""

    def open(self, size: tuple[int, int], backend: str) -> Engine:
        """An engine for frames of `size` (width, height), one at a time."""
        options = EngineOptions(depth=1, precision=self.precision)
        return open_engine(self.net, size, backend=backend, options=options)


def styled_nets(net: str, only: list[str] | None = None, precisions: Sequence[str | None] = (None,)) -> list[StyledNet]:
    """A net by its name, or by its file: then its styles are those in the folder beside it that has its name.

    only: style names; None: all. One entry for each precision. Raises BadInputError for what is not known.
    """
    for precision in precisions:
        EngineOptions(precision=precision)
    library = Library()
    file = library.net(net)
    known = library.styles_of(file)
    for name in only or ():
        if name not in known:
            raise BadInputError(f"net {net} has no style called {name!r}{nearest(name, known)}")
    styles = {name: library.style(name, file) for name in (only or known)}
    if not styles:
        raise BadInputError(f"net {net} has no styles: expected them in a folder {file.spec.name} beside it")
    return [
        StyledNet(
            label=net if len(precisions) == 1 else f"{net} {precision}", net=file, styles=styles, precision=precision
        )
        for precision in precisions
    ]
