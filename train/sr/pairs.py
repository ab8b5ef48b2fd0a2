"""Benchmark sets: pictures in low and high resolution. Needs no torch."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from engines.contract import Picture
from engines.errors import BadInputError
from train.sr.bicubic import imresize

__all__ = ["Pair", "read_pairs"]

Pair = tuple[Picture, Picture]
"""Low and high resolution, each uint8 `(h, w, 3)` RGB."""


def read_pairs(folder: Path, scale: int) -> list[Pair]:
    """The pictures of a set, from its folders `HR_xN` and `LR_xN`, matched by name.

    Where the set has no `HR_xN` for this scale, the pictures of another one are taken, cropped to a multiple, and
    downscaled here, in the same way. Raises BadInputError where there are none, or two do not fit.
    """
    own = folder / f"HR_x{scale}"
    others = sorted(folder.glob("HR_x*"), key=lambda path: (path != own, path.name))
    files = sorted(others[0].glob("*.png")) if others else []
    if not files:
        raise BadInputError(f"expected a benchmark set with folders HR_xN and LR_xN of PNG files, {folder} is not one")
    pairs = []
    for file in files:
        high = _read(file)
        if others[0] == own:
            low = _read(folder / f"LR_x{scale}" / file.name)
        else:
            high = high[: high.shape[0] // scale * scale, : high.shape[1] // scale * scale]
            low = imresize(high, Fraction(1, scale))
        if high.shape != (low.shape[0] * scale, low.shape[1] * scale, 3):
            raise BadInputError(
                f"expected pictures of which one is {scale} times the other, {file} is not in such a pair"
            )
        pairs.append((low, high))
    return pairs


def _read(path: Path) -> Picture:
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise BadInputError(f"expected a picture, {path} cannot be read")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
