"""Histogram matching, the post-processing of Johnson et al. 2016 for upscaled pictures.

For single pictures: on video each frame would get its own curve, which flickers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.contract import Picture

__all__ = ["match_histogram"]


def match_histogram(picture: Picture, reference: Picture) -> Picture:
    """Give `picture` the distribution of each channel of `reference`; both uint8 `(h, w, 3)` RGB, of any sizes."""
    channels = []
    for made, wanted in zip(picture.transpose(2, 0, 1), reference.transpose(2, 0, 1), strict=True):
        (levels, ours), (aims, theirs) = _distribution(made), _distribution(wanted)
        curve = np.zeros(256, np.uint8)
        curve[levels] = np.interp(ours, theirs, aims).round()
        channels.append(curve[made])
    return np.ascontiguousarray(np.stack(channels, axis=2))


def _distribution(plane: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The levels that occur, and the share of pixels at or below each."""
    levels, counts = np.unique(plane, return_counts=True)
    return levels.astype(np.int64), counts.cumsum() / plane.size
