"""Help with names that do not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an error line: the name that was probably meant, or all that there are."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5) or [n for n in names if name and name in n]
    if close:
        return f", did you mean {close[0]}?"
    return f"; there are: {', '.join(names)}" if names else ", there are none"
