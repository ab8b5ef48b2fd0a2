"""Frames of one size from frames of any size."""

from __future__ import annotations

import cv2
import numpy as np

from engines.contract import Picture

__all__ = ["fit"]


def fit(picture: Picture, size: tuple[int, int]) -> Picture:
    """Scale a uint8 `(h, w, 3)` picture until it covers `size` (width, height), and cut what overlaps, evenly.

    A picture that has the size already is returned as it is.
    """
    width, height = size
    came_height, came_width = picture.shape[:2]
    if (came_width, came_height) == size:
        return picture
    scale = max(width / came_width, height / came_height)
    cut_width, cut_height = min(came_width, round(width / scale)), min(came_height, round(height / scale))
    left, top = (came_width - cut_width) // 2, (came_height - cut_height) // 2
    cut = picture[top : top + max(1, cut_height), left : left + max(1, cut_width)]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, size, interpolation=how), np.uint8)
