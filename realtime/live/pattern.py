"""A moving picture that needs no camera."""

from __future__ import annotations

import cv2
import numpy as np

from engines.contract import Picture
from realtime.live.source import Grab, Timing
from realtime.stats import now_ns

__all__ = ["PatternSource"]

_PERIOD = 256


class PatternSource:
    """Coloured stripes and discs that drift to the upper left, one pixel and two a frame; no two neighbours are alike.

    Everything is drawn once: a frame costs one copy, so that the painting can be measured with it.
    """

    name = "test-pattern"

    def __init__(self, size: tuple[int, int], *, fps: float | None = None) -> None:
        """`size` is (width, height). With `fps` the frames are due at that rate, else whenever one is wanted."""
        self.timing: Timing = "demand" if fps is None else "paced"
        self.rate = fps
        self._size, self._fps = size, fps
        self._sheet = _sheet(size[0] + _PERIOD, size[1] + _PERIOD)
        self._number = 0

    def read(self) -> Grab:
        captured_ns = now_ns()
        left, top = 2 * self._number % _PERIOD, self._number % _PERIOD
        width, height = self._size
        picture = self._sheet[top : top + height, left : left + width].copy()
        clock_s = None if self._fps is None else self._number / self._fps
        self._number += 1
        return Grab(picture=picture, captured_ns=captured_ns, clock_s=clock_s)

    def rewind(self) -> None:
        self._number = 0

    def close(self) -> None:
        """Nothing to give back."""


def _sheet(width: int, height: int) -> Picture:
    """uint8 `(height, width, 3)` RGB that repeats itself every `_PERIOD` pixels both ways."""
    y, x = np.mgrid[0:_PERIOD, 0:_PERIOD] * (2 * np.pi / _PERIOD)
    waves = (np.sin(x + y), np.sin(2 * x - y + 2), np.sin(x - 2 * y + 4))
    tile = np.stack([128 + 100 * wave for wave in waves], axis=-1).astype(np.uint8)
    for centre, radius, color in (
        ((72, 80), 40, (240, 200, 60)),
        ((180, 60), 24, (30, 60, 160)),
        ((168, 176), 56, (200, 50, 60)),
    ):
        cv2.circle(tile, centre, radius, color, -1, cv2.LINE_AA)
        cv2.circle(tile, centre, radius, (20, 20, 20), 3, cv2.LINE_AA)
    repeats = (-(-height // _PERIOD), -(-width // _PERIOD), 1)
    return np.ascontiguousarray(np.tile(tile, repeats)[:height, :width])
