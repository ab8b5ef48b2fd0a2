"""What can be chosen by key while a camera runs."""

from __future__ import annotations

from collections.abc import Callable

from engines.errors import BadInputError
from engines.library import Library
from realtime.live.controls import Palette
from realtime.pipeline import ResolvedPipeline

__all__ = ["palette_for"]


def palette_for(pipeline: ResolvedPipeline, library: Library, notify: Callable[[str], None]) -> Palette:
    """All styles of the chosen look's net, and the look itself where it is none of them. Unusable files are named.

    Where frames are only enlarged there is one look, which mixes nothing.
    """
    chosen = pipeline.style
    if chosen is None:
        return Palette(names=(pipeline.net.spec.name,), vectors=(None,), start=0, paints=False)
    if chosen.vector is None:
        return Palette(names=(chosen.label,), vectors=(None,), start=0)
    names, vectors = [], []
    for name in library.styles_of(chosen.net):
        try:
            vectors.append(library.style(name, chosen.net).vector)
            names.append(name)
        except BadInputError as error:
            notify(f"left out: {error}")
    if chosen.label not in names:
        names.append(chosen.label)
        vectors.append(chosen.vector)
    return Palette(names=tuple(names), vectors=tuple(vectors), start=names.index(chosen.label))
