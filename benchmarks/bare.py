"""Frames per second of the bare engine, fed from memory: what everything around it is measured against."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from benchmarks.choice import Choice
from engines.cache import cache_folder
from engines.contract import EngineOptions
from realtime.chain import open_painter
from realtime.recipe import joined
from realtime.stats import Timings, now_ns

__all__ = ["WARM_UP", "bare_rate"]

WARM_UP = 10
"""Frames that come before those that are timed."""


def bare_rate(choice: Choice, size: tuple[int, int], *, frames: int, warm_up: int = WARM_UP) -> dict[str, Any]:
    """The engine alone, two where a net paints and another enlarges, at frames of `size` (width, height).

    As many frames are in flight as it takes. Returns `fps`, `frame_ms` (percentiles of the time from one result to the
    next), backend, device and precision. Raises what `open_engine` raises.
    """
    chosen = choice.recipe
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    pictures = itertools.cycle((picture, 255 - picture))  # one like the last would not be painted
    options = EngineOptions(cache=cache_folder(), precision=choice.precision)
    between = Timings()
    with open_painter(chosen.net, chosen.upscaler, size, backend=choice.backend, options=options) as painter:
        for _ in range(painter.depth - 1):
            painter.submit(next(pictures), chosen.treatment)
        began = last = now_ns()
        for number in range(warm_up + frames):
            painter.submit(next(pictures), chosen.treatment)
            painter.collect()
            now = now_ns()
            if number < warm_up:
                began = now
            else:
                between.add_ns(now - last)
            last = now
        while painter.in_flight:
            painter.collect()
        specs = painter.specs
    return {
        "fps": round(frames * 1e9 / (last - began), 2),
        "frame_ms": between.summary_ms(),
        "backend": joined(specs, "backend"),
        "device": joined(specs, "device"),
        "precision": joined(specs, "precision"),
    }
