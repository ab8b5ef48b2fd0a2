"""From what a user types after --style to a net and a style vector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.contract import StyleVector
from engines.errors import BadInputError
from engines.library import Library
from engines.net_file import NetFile

__all__ = ["DEFAULT_STYLE", "Look", "blend", "look", "parse_blend"]

DEFAULT_STYLE = "udnie"


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """A net and how it paints."""

    label: str
    """What the user typed, for titles and summaries."""
    net: NetFile
    vector: StyleVector | None
    """float32 `(style_length,)`; None for a net without styles."""


def look(text: str | None = None, *, net: str | None = None, library: Library | None = None) -> Look:
    """Find the net and the vector for `NAME`, `NAME:WEIGHT,NAME:WEIGHT`, or paths of style or net files.

    Weights are positive and are divided by their sum. Without `net`, the net is the first that has the (first) style.
    Without `text`, it is `udnie`, or the first style of `net`. Raises BadInputError.
    """
    library = library or Library()
    file = library.net(net) if net is not None else None
    parts = parse_blend(text) if text is not None else {_default_style(file, library): 1.0}
    first = next(iter(parts))
    file = file or library.net_of(first)
    label = first if text is None else text
    if file.spec.kind != "style":
        raise BadInputError(f"net {file.spec.name} is for {file.spec.kind}, expected one that paints")
    if not file.spec.style_length:
        if len(parts) > 1 or (first != file.spec.name and Path(first) != file.path):
            raise BadInputError(f"net {file.spec.name} has one style only, its own: got --style {text}")
        return Look(label=label, net=file, vector=None)
    vectors = [library.style(name, file).vector for name in parts]
    return Look(label=label, net=file, vector=blend(vectors, list(parts.values())))


def _default_style(net: NetFile | None, library: Library) -> str:
    if net is None:
        return DEFAULT_STYLE
    if not net.spec.style_length:
        return net.spec.name
    styles = library.styles(net.spec.name)
    if not styles:
        raise BadInputError(f"net {net.spec.name} has no styles yet: name a style file with --style")
    return DEFAULT_STYLE if DEFAULT_STYLE in styles else next(iter(styles))


def parse_blend(text: str) -> dict[str, float]:
    """Names and weights of `A:0.7,B:0.3`; a name alone weighs 1. The weights sum to 1. Raises BadInputError."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, colon, number = (side.strip() for side in part.rpartition(":"))
        if not colon or "/" in number or "\\" in number:  # a path may hold a colon, as in C:\styles
            name, number = part.strip(), "1"
        try:
            weight = float(number)
        except ValueError:
            weight = float("nan")
        if not name or not 0 < weight <= 1e6:
            raise BadInputError(f"expected NAME or NAME:WEIGHT,NAME:WEIGHT with weights above 0, got {text!r}")
        weights[name] = weights.get(name, 0.0) + weight
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def blend(vectors: list[StyleVector], weights: list[float]) -> StyleVector:
    """The weighted sum of style vectors, float32 `(style_length,)` (Dumoulin et al. 2017, section 3.2)."""
    mixed: StyleVector = np.average(np.stack(vectors), axis=0, weights=weights).astype(np.float32)
    return mixed
