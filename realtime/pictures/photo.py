"""A still picture and what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.contract import Picture
from engines.errors import BadInputError

__all__ = ["Box", "Photo", "parse_box"]

_LONGEST_SIDE = 65535
_SMALL = 512


@dataclass(frozen=True, kw_only=True)
class Box:
    """The largest width and height that a picture may have."""

    width: int
    height: int

    def fitted(self, size: tuple[int, int]) -> tuple[int, int]:
        """The largest (width, height) of the same shape as `size` that fits, larger or smaller than it was."""
        factor = min(self.width / size[0], self.height / size[1])
        return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def parse_box(text: str) -> Box:
    """`1920x1080`, or one number for both sides. Raises BadInputError."""
    sides = text.lower().split("x")
    if len(sides) in (1, 2) and all(side.isascii() and side.isdigit() for side in sides):
        width, height = int(sides[0]), int(sides[-1])
        if min(width, height) >= 1 and max(width, height) <= _LONGEST_SIDE:
            return Box(width=width, height=height)
    raise BadInputError(f"a size is WIDTHxHEIGHT or one number, 1 to {_LONGEST_SIDE} pixels, got {text!r}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """A picture that stands upright, in sRGB."""

    pixels: Picture
    """uint8 `(h, w, 3)` RGB."""
    alpha: NDArray[np.uint8] | None = None
    """uint8 `(h, w)`, 0 is transparent; None: the picture has no transparency."""
    exif: bytes | None = field(default=None, repr=False)
    """What the camera wrote, without the orientation: it has been applied."""
    profile: bytes | None = field(default=None, repr=False)
    """The ICC profile that says sRGB, where the file had any profile."""
    notices: tuple[str, ...] = ()
    """What was changed or left out on the way, a line each."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self.pixels.shape[1], self.pixels.shape[0]

    def resized(self, size: tuple[int, int]) -> Photo:
        """The photo scaled to (width, height), alpha too."""
        if size == self.size:
            return self
        return replace(
            self,
            pixels=_resized(self.pixels, size),
            alpha=None if self.alpha is None else _resized(self.alpha, size),
        )

    def painted(self, pixels: Picture) -> Photo:
        """The photo with other pixels; the alpha channel is scaled to their size."""
        size = (pixels.shape[1], pixels.shape[0])
        alpha = None if self.alpha is None else _resized(self.alpha, size)
        return replace(self, pixels=pixels, alpha=alpha)

    def without_holes(self) -> Photo:
        """The photo with the colours of what can be seen carried on into what is fully transparent.

        Files hold anything there, mostly black. It would bleed into the painting at the edges, and into the
        statistics of the whole.
        """
        if self.alpha is None or self.alpha.all() or not self.alpha.any():
            return self
        seen = self.alpha > 0
        around = _carried_on(self.pixels * seen[..., None], seen)
        return replace(self, pixels=np.where(seen[..., None], self.pixels, around))


def _resized(values: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if size == (values.shape[1], values.shape[0]):
        return values
    smaller = size[0] < values.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(values, size, interpolation=method), np.uint8)


def _carried_on(pixels: Picture, seen: NDArray[np.bool_]) -> Picture:
    """Smooth colours for a picture with holes, uint8 `(h, w, 3)`: pull and push (Gortler et al. 1996, section 3.4).

    pixels: uint8 `(h, w, 3)`, black in the holes. The work is done on a small copy: holes need no detail.
    """
    height, width = seen.shape
    factor = min(1.0, _SMALL / max(height, width))
    small = (max(1, round(width * factor)), max(1, round(height * factor)))
    colour = np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.float32)
    weight = cv2.resize(seen.astype(np.float32), small, interpolation=cv2.INTER_AREA)[..., None]
    levels = [(colour, weight)]
    while max(levels[-1][0].shape[:2]) > 1:
        colour, weight = levels[-1]
        half = (-(-colour.shape[1] // 2), -(-colour.shape[0] // 2))
        levels.append((_scaled(colour, half, cv2.INTER_AREA), _scaled(weight, half, cv2.INTER_AREA)))
    colour, weight = levels.pop()
    filled = colour / np.maximum(weight, 1e-9)
    for colour, weight in reversed(levels):  # colours are multiplied by their weights already
        behind = _scaled(filled, (colour.shape[1], colour.shape[0]), cv2.INTER_LINEAR)
        filled = colour + (1 - weight) * behind
    return np.asarray(cv2.resize(filled.clip(0, 255).astype(np.uint8), (width, height)), np.uint8)


def _scaled(values: NDArray[Any], size: tuple[int, int], method: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(values, size, interpolation=method), np.float32).reshape(size[1], size[0], -1)
