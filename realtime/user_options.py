"""What a user can ask for, spelled once: the command line and the Python API take their options from here.

>>> StyleOptions(style="udnie:0.6,wave:0.4", strength=0.8, sr=2)

Imports nothing heavy, because `rtstyle --help` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engines.errors import BadInputError

__all__ = ["LARGEST_SIDE", "StyleOptions", "check_frame_size", "parse_size", "style_options"]

LARGEST_SIDE = 16384
"""Pixels of the longer side of a frame; the shorter one has engines.contract.SMALLEST_SIDE at least."""


def _option(default: Any, text: str) -> Any:
    """A field that the commands offer as `--name`; `text` is its help there."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, kw_only=True)
class StyleOptions:
    """What is to be done to every picture, in the user's words. `realtime.pipeline.resolve` finds the nets for it.

    A field made by `_option` is an option of every command that paints. Raises BadInputError.
    """

    style: str | None = _option(
        None, "A style, or a blend: udnie, udnie:0.6,wave:0.4, or a style file. Default: udnie."
    )
    """None: the default style, or no painting at all where `sr` is given."""
    net: str | None = _option(
        None, "The net that paints: auto (the default), a name from `rtstyle styles list`, or a net file."
    )
    """None is the same as `auto`."""
    strength: float = _option(1.0, "0 leaves the frame as it is, 1 paints it fully.")
    """0 to 1."""
    keep_colors: bool = _option(False, "Take only the brightness from the painting, the colours from the frame.")
    sr: int | None = _option(None, "Enlarge 2, 3 or 4 times: alone without --style, or what was painted.")
    """How many times larger the pictures get; None leaves their size."""
    sr_mode: str | None = _option(None, "fidelity: nearest to the pixels; perceptual (the default): sharp and clean.")

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise BadInputError(f"strength is 0 to 1, got {self.strength}")
        if self.sr is None and self.sr_mode is not None:
            raise BadInputError(
                f"the mode {self.sr_mode!r} is that of an upscaler", hint="say with `sr` how much to enlarge, too"
            )


def style_options(style: str | StyleOptions | None, **others: Any) -> StyleOptions:
    """For functions that take a style and options by name, or all at once: `style` whole, or made of its parts.

    Raises BadInputError where `style` is whole and one of the others is given, too.
    """
    if not isinstance(style, StyleOptions):
        return StyleOptions(style=style, **others)
    defaults = vars(StyleOptions())
    given = [name for name, value in others.items() if value not in (defaults[name], "auto")]
    if given:
        raise BadInputError(f"`{given[0]}` is given beside StyleOptions", hint="put it into them")
    return style


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) of `640x480`. Raises BadInputError."""
    width, times, height = text.strip().lower().partition("x")
    if not (times and width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        raise BadInputError(f"expected a size as WIDTHxHEIGHT, such as 640x480, got {text!r}")
    return int(width), int(height)


def check_frame_size(size: tuple[int, int]) -> None:
    """Raise BadInputError for frames of (width, height) that are too small or too large for any net."""
    from engines.contract import SMALLEST_SIDE  # noqa: PLC0415 (it comes with NumPy)

    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in size):
        raise BadInputError(
            f"a size is {SMALLEST_SIDE}x{SMALLEST_SIDE} to {LARGEST_SIDE}x{LARGEST_SIDE} pixels, "
            f"got {size[0]}x{size[1]}"
        )
