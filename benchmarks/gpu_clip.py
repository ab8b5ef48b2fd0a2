"""The clip that `benchmarks.gpu_check` sends through `rtstyle video`: made here, so that nothing has to be fetched.

python -m benchmarks.gpu_clip clip.mp4
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

__all__ = ["write_gpu_clip"]

_SIZE = (1280, 720)
_RATE = 30


def write_gpu_clip(path: Path, *, frames: int = 300, size: tuple[int, int] = _SIZE) -> Path:
    """H.264, (width, height), waves that travel over a grain that stands still. Returns `path`."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    grain = np.random.default_rng(0).integers(0, 24, (height, width, 3), np.uint8)
    base = np.stack([127 + 100 * np.sin(x / (40 + 9 * c) + y / (60 - 7 * c)) for c in range(3)], axis=-1)
    scene = np.clip(base + grain, 0, 255).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_RATE, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, _RATE)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(scene, 4 * number, axis=1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, _RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


if __name__ == "__main__":
    write_gpu_clip(Path(sys.argv[1]))
