"""Histogram matching, the post-processing of Johnson et al. 2016 for upscaled pictures.

For single pictures: on video each frame would get its own curve, which flickers.
"""

from __future__ import annotations

import numpy as np

from engines.contract import Picture

__all__ = ["match_histogram"]


def match_histogram(picture: Picture, reference: Picture) -> Picture:
    """Give `picture` the distribution of each channel of `reference`; both uint8 `(h, w, 3)` RGB, of any sizes."""
    channels = []
    for made, wanted in zip(picture.transpose(2, 0, 1), reference.transpose(2, 0, 1), strict=True):
        ours, theirs = (np.bincount(plane.ravel(), minlength=256).cumsum() / plane.size for plane in (made, wanted))
        curve = np.interp(ours, theirs, np.arange(256))
        channels.append(np.asarray(curve.round(), np.uint8)[made])
    return np.ascontiguousarray(np.stack(channels, axis=2))
