"""From `--sr N` and `--sr-mode` to an upscaler's net file."""

from __future__ import annotations

from engines.errors import BadInputError
from engines.library import Library
from engines.net_file import NetFile

__all__ = ["DEFAULT_SR_MODE", "SR_MODES", "upscaler", "upscalers"]

SR_MODES = ("fidelity", "perceptual")
"""fidelity: nearest to the original in pixels; perceptual: sharper, and cleans what cameras and codecs leave."""
DEFAULT_SR_MODE = "perceptual"


def upscalers(library: Library) -> dict[str, tuple[int, str]]:
    """(scale, mode) by name of the nets called `srSCALE-MODE`, in the order of scales."""
    found = {}
    for name in library.nets():
        start, _, mode = name.partition("-")
        if start.startswith("sr") and start[2:].isdecimal() and mode in SR_MODES:
            found[name] = (int(start[2:]), mode)
    return dict(sorted(found.items(), key=lambda item: item[1]))


def upscaler(scale: int, mode: str | None = None, *, library: Library | None = None) -> NetFile:
    """The net that enlarges by `scale`; mode: one of SR_MODES, None is the default. Raises BadInputError."""
    library = library or Library()
    mode = mode or DEFAULT_SR_MODE
    if mode not in SR_MODES:
        raise BadInputError(f"the mode of an upscaler is one of {', '.join(SR_MODES)}, got {mode!r}")
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
