"""From what a user types after --style to a net and a style vector."""

from __future__ import annotations

from dataclasses import dataclass

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
    if text is None:
        text = _default_style(net, library)
    parts = parse_blend(text)
    first = next(iter(parts))
    file = library.net(net) if net else library.net_of(first)
    if file.spec.kind != "style":
        raise BadInputError(f"net {file.spec.name} is for {file.spec.kind}, expected one that paints")
    if not file.spec.style_length:
        if list(parts) not in ([net], [file.spec.name], [str(file.path)]):
            raise BadInputError(f"net {file.spec.name} has one style only, its own: got --style {text!r}")
        return Look(label=text, net=file, vector=None)
    vectors = [library.style(name, file).vector for name in parts]
    return Look(label=text, net=file, vector=blend(vectors, list(parts.values())))


def _default_style(net: str | None, library: Library) -> str:
    if net is None:
        return DEFAULT_STYLE
    file = library.net(net)
    if not file.spec.style_length:
        return net
    styles = library.styles(file.spec.name)
    if not styles:
        raise BadInputError(f"net {file.spec.name} has no styles yet: name a style file with --style")
    return DEFAULT_STYLE if DEFAULT_STYLE in styles else next(iter(styles))


def parse_blend(text: str) -> dict[str, float]:
    """Names and weights of `A:0.7,B:0.3`; a name alone weighs 1. The weights sum to 1. Raises BadInputError."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, colon, number = part.strip().rpartition(":")
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
