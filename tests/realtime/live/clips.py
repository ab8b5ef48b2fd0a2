"""Small clips made for a test."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

__all__ = ["TICKS", "write_clip"]

TICKS = 1000
"""Ticks a second of a clip's timestamps."""


def write_clip(path: Path, times: list[int], *, size: tuple[int, int] = (64, 48)) -> Path:
    """One frame for each time, in thousandths of a second; frame n is filled with the grey 20 + 8 n (below 220)."""
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "1", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        for number, ticks in enumerate(times):
            picture = np.full((size[1], size[0], 3), 20 + 8 * number % 200, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = ticks, Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
