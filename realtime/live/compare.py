"""The painted picture beside the frame that it came from."""

from __future__ import annotations

import cv2
import numpy as np

from engines.contract import Picture
from realtime.live.controls import Compare

__all__ = ["canvas"]

_LEAST_HEIGHT = 360


def canvas(original: Picture, painted: Picture, compare: Compare, split: float) -> Picture:
    """A new uint8 `(h, w, 3)` BGR picture for the window, the original to the left where both are shown.

    Both inputs are uint8 `(h, w, 3)` RGB; the original is brought to the size of the painted one (bicubic). Small
    pictures are enlarged, so that text on them can be read.
    """
    if compare is not Compare.OFF and original.shape != painted.shape:
        original = np.asarray(cv2.resize(original, painted.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    if compare is Compare.SIDE:
        shown = np.concatenate((original, painted), axis=1)
    elif compare is Compare.SPLIT:
        column = round(split * original.shape[1])
        shown = np.concatenate((original[:, :column], painted[:, column:]), axis=1)
        shown[:, max(0, column - 1) : column + 1] = 255
    else:
        shown = painted
    bgr = cv2.cvtColor(shown, cv2.COLOR_RGB2BGR)
    factor = -(-_LEAST_HEIGHT // bgr.shape[0])
    if factor > 1:
        bgr = cv2.resize(bgr, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    return np.asarray(bgr, np.uint8)
