"""The display matrix of a video: how its frames must be turned and mirrored to stand upright."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import av
import cv2
import numpy as np
from av.sidedata.sidedata import SideData

from engines.contract import Picture

__all__ = ["Orientation", "UPRIGHT", "orientation_of", "upright"]


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """What to do to a frame, in this order."""

    transpose: bool = False
    """Swap rows and columns."""
    mirror: bool = False
    """Left to right."""
    flip: bool = False
    """Top to bottom."""

    def turned(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) afterwards. It is its own inverse."""
        return (size[1], size[0]) if self.transpose else size


UPRIGHT = Orientation()


def orientation_of(frame: av.VideoFrame) -> Orientation | None:
    """What a decoded frame's display matrix asks for; None for one that is not made of quarter turns and mirrors.

    The matrix is nine 32-bit integers, a b u, c d v, x y w: a pixel at (x, y) is shown at (a x + c y, b x + d y), with
    y down (ISO/IEC 14496-12, 6.2.2).
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return UPRIGHT
    matrix = np.frombuffer(bytes(cast(SideData, data)), np.int32).reshape(3, 3)[:2, :2].astype(np.float64)
    largest = np.abs(matrix).max()
    if not largest:
        return None
    whole = np.round(matrix / largest)
    (a, b), (c, d) = whole.astype(int).tolist()
    if np.abs(matrix / largest - whole).max() > 0.01 or (abs(a), abs(b)) not in ((1, 0), (0, 1)):
        return None
    if (abs(c), abs(d)) != (abs(b), abs(a)):
        return None
    if a:
        return Orientation(mirror=a < 0, flip=d < 0)
    return Orientation(transpose=True, mirror=c < 0, flip=b < 0)


def upright(picture: Picture, orientation: Orientation) -> Picture:
    """The picture as a viewer sees it, uint8 `(h, w, 3)`: itself where nothing is to be done, else a new array."""
    if orientation.transpose:
        picture = np.asarray(cv2.transpose(picture), np.uint8)
    if orientation.mirror or orientation.flip:
        axis = -1 if orientation.mirror and orientation.flip else 1 if orientation.mirror else 0
        picture = np.asarray(cv2.flip(picture, axis), np.uint8)
    return picture
