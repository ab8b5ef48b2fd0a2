"""Frames per second of every combination of nets, sizes, backends and precisions: bare, and inside `rtstyle cam`.

All combinations take turns, round after round, so that a noisy machine slows all of them alike; the ratios are what can
be trusted.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.bare import bare_rate
from benchmarks.child import Watched, watched_run
from benchmarks.choice import Choice
from benchmarks.gpus import GpuMeter
from benchmarks.spread import Spread
from benchmarks.table import spoken_size
from engines.errors import BackendError, MissingPackageError
from realtime.live.session import CamOptions

__all__ = ["sweep"]


def sweep(
    chosen: Sequence[Choice],
    sizes: Sequence[tuple[int, int]],
    *,
    frames: int,
    rounds: int,
    warm_up: int,
    report: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Measure each choice at each size (width, height), `rounds` times over `frames` frames after `warm_up`.

    A row of figures for each, in order; one that cannot run here has its `reason` in their place. Raises BadInputError
    for a size that is too small or too large for any machine.
    """
    for size in sizes:
        CamOptions(size=size)
    rows = [_Row(choice, size) for choice, size in itertools.product(chosen, sizes)]
    with GpuMeter() as gpus:
        for turn, row in itertools.product(range(rounds), rows):
            if row.reason is None:
                row.measure(frames, warm_up, gpus)
                report(f"round {turn + 1} of {rounds}: {row.news()}")
    return [row.figures(frames, rounds, warm_up) for row in rows]


class _Row:
    """What has been measured of one combination so far."""

    def __init__(self, choice: Choice, size: tuple[int, int]) -> None:
        self._choice, self._size = choice, size
        self.reason: str | None = None
        """Why it cannot run here."""
        self._bare: list[dict[str, Any]] = []
        self._cam: list[Watched] = []

    def measure(self, frames: int, warm_up: int, gpus: GpuMeter) -> None:
        command = ["cam", "--source", "test-pattern", "--size", spoken_size(self._size), "--headless"]
        command += [*self._choice.told(), "--frames", str(frames + warm_up), "--warm-up", str(warm_up)]
        try:
            self._bare.append(bare_rate(self._choice, self._size, frames=frames, warm_up=warm_up))
            self._cam.append(watched_run(command, gpus=gpus))
        except (BackendError, MissingPackageError) as error:
            self.reason = str(error)

    def news(self) -> str:
        """One line on the newest round."""
        name = f"{self._choice} {spoken_size(self._size)}"
        if self.reason is not None:
            return f"{name}: cannot run here: {self.reason}"
        return f"{name}: bare {self._bare[-1]['fps']:.1f}, cam {self._cam[-1].summary['fps']:.1f} frames/s"

    def figures(self, frames: int, rounds: int, warm_up: int) -> dict[str, Any]:
        choice, style = self._choice, self._choice.pipeline.style
        facts = {
            "net": choice.net,
            "style": None if style is None else style.label,
            "size": list(self._size),
            "asked": {"backend": choice.backend, "precision": choice.precision},
        }
        if self.reason is not None:
            return {**facts, "reason": self.reason}
        bare, cam = [run["fps"] for run in self._bare], [run.summary["fps"] for run in self._cam]
        last = self._cam[-1].summary
        figures = {
            **facts,
            "engine": {key: self._bare[-1][key] for key in ("backend", "device", "precision")},
            "frames": frames,
            "rounds": rounds,
            "warm_up": warm_up,
            "in_flight": last["in_flight"],
            "bare_fps": vars(Spread.over(bare)),
            "cam_fps": vars(Spread.over(cam)),
            "ratio": round(statistics.median(w / b for w, b in zip(cam, bare, strict=True)), 3),
            "bare_frame_ms": _middle([run["frame_ms"] for run in self._bare]),
            "latency_ms": _middle([run.summary["latency_ms"] for run in self._cam]),
        }
        return {**figures, **_taken(self._cam), "last_run": last}


def _taken(runs: list[Watched]) -> dict[str, Any]:
    """Memory, power and clocks: each only where every run could read it."""
    found: dict[str, Any] = {}
    peaks, watts = [run.peak_mb for run in runs], [run.cpu_w for run in runs]
    if None not in peaks:
        found["peak_mb"] = max(peak for peak in peaks if peak is not None)
    if None not in watts:
        found["cpu_w"] = round(statistics.median(watt for watt in watts if watt is not None), 1)
    if all(run.gpus for run in runs):
        found["gpus"] = runs[-1].gpus
    return found


def _middle(percentiles: Sequence[dict[str, float]]) -> dict[str, float]:
    """The medians over the runs of p50, p95 and p99."""
    return {key: round(statistics.median(run[key] for run in percentiles), 3) for key in percentiles[0]}
