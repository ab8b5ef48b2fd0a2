"""From what a user types after --style to a net and a style vector.

found = resolve_style("udnie:0.7,wave:0.3")
engine.submit(frame, found.vector)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.contract import StyleVector
from engines.errors import BadInputError
from engines.library import Library
from engines.net_file import NetFile

__all__ = ["AUTO_NET", "ResolvedStyle", "blend", "parse_blend", "resolve_style", "resolve_styles"]

AUTO_NET = "auto"
"""After --net: any net that has the style. A net file of that name can be asked for by its path."""
_DEFAULT_STYLE = "udnie"


@dataclass(frozen=True, kw_only=True, eq=False)
class ResolvedStyle:
    """A net and how it paints."""

    label: str
    """What the user typed, for titles and summaries."""
    net: NetFile
    vector: StyleVector | None
    """float32 `(style_length,)`; None for a net without styles."""


def resolve_style(text: str | None = None, *, net: str | None = None, library: Library | None = None) -> ResolvedStyle:
    """The first of `resolve_styles`: the net is `net`, or the first that has all the styles. Raises BadInputError."""
    return next(resolve_styles(text, net=net, library=library))


def resolve_styles(
    text: str | None = None,
    *,
    net: str | None = None,
    library: Library | None = None,
    notice: Callable[[str], None] | None = None,
) -> Iterator[ResolvedStyle]:
    """Nets and vectors for `NAME`, `NAME:WEIGHT,NAME:WEIGHT`, or paths of style or net files; each is read when asked.

    Weights are positive and are divided by their sum. Without `net`, or with `auto`, there is one for each net that
    has all the styles, the default net first; one that cannot be used, other than the first, is left out with a
    notice. Without `text`, it is `udnie`, or the first style of `net`. Raises BadInputError at the first one.
    """
    library = library or Library()
    given = library.net(net) if net not in (None, AUTO_NET) else None
    parts = parse_blend(text) if text is not None else {_default_style(given, library): 1.0}
    label = next(iter(parts)) if text is None else text
    if given is not None:
        yield _resolved(given, parts, label, library)
        return
    names = library.nets_with(parts)
    first = library.net(names[0]) if names else library.net_of(next(iter(parts)))
    yield _resolved(first, parts, label, library)
    for name in names[1:]:
        try:
            found = _resolved(library.net(name), parts, label, library)
        except BadInputError as error:
            if notice is not None:
                notice(f"net {name} is left out: {error.full_text}")
            continue
        yield found


def _resolved(net: NetFile, parts: Mapping[str, float], label: str, library: Library) -> ResolvedStyle:
    if net.spec.kind != "style":
        raise BadInputError(f"net {net.spec.name} is for {net.spec.kind}, expected one that paints")
    if not net.spec.style_length:
        first = next(iter(parts))
        if len(parts) > 1 or (first != net.spec.name and Path(first) != net.path):
            raise BadInputError(f"net {net.spec.name} has one style only, its own: got --style {label}")
        return ResolvedStyle(label=label, net=net, vector=None)
    vectors = [library.style(name, net).vector for name in parts]
    return ResolvedStyle(label=label, net=net, vector=blend(vectors, list(parts.values())))


def _default_style(net: NetFile | None, library: Library) -> str:
    if net is None:
        return _DEFAULT_STYLE
    if not net.spec.style_length:
        return net.spec.name
    styles = library.styles_of(net)
    if not styles:
        raise BadInputError(f"net {net.spec.name} has no styles yet: name a style file with --style")
    return _DEFAULT_STYLE if _DEFAULT_STYLE in styles else next(iter(styles))


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
