"""Frames per second: of an engine by itself, and of `rtstyle cam` and `rtstyle video` around it.

What is compared takes turns, round after round, so that a noisy machine slows all of it alike; the ratios are what can
be trusted.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.monitoring import GpuMeter, WatchedRun, run_rtstyle
from benchmarks.results import Spread, size_text
from engines.backends import AUTO, BACKENDS
from engines.cache import cache_folder
from engines.contract import EngineOptions
from engines.errors import BackendError, BadInputError, MissingPackageError
from engines.names import nearest
from realtime.live.session import CamOptions
from realtime.pipeline import ResolvedPipeline, joined, open_pipeline, resolve
from realtime.stats import Timings, now_ns
from realtime.user_options import StyleOptions

__all__ = ["Combination", "combinations", "engine_rate", "sweep", "video_against_engine"]

_WARM_UP = 10
"""Frames that come before those that are timed."""
_MOST_BARE_FRAMES = 300


@dataclass(frozen=True, kw_only=True, eq=False)
class Combination:
    """Nets on a backend in a precision, as a user would ask for them: all that is measured but the size of frames."""

    pipeline: ResolvedPipeline
    backend: str = AUTO
    precision: str | None = None
    """One of PRECISIONS; None: the backend's choice."""
    sr: int | None = None
    """How many times larger the pictures get, if at all."""

    @property
    def net(self) -> str:
        """`fast`, or `fast then sr2-perceptual`."""
        return " then ".join(net.spec.name for net in self.pipeline.nets)

    def arguments(self) -> list[str]:
        """Options of `rtstyle cam` and `rtstyle video` that ask for it."""
        style, options = self.pipeline.style, ["--backend", self.backend]
        if style is not None:
            options += ["--style", style.label, "--net", str(style.net.path or style.net.spec.name)]
        if self.sr is not None:
            options += ["--sr", str(self.sr)]
        return options if self.precision is None else [*options, "--precision", self.precision]

    def __str__(self) -> str:
        return " ".join(part for part in (self.net, self.backend, self.precision) if part)


def combinations(
    *,
    nets: Sequence[str | None] = (None,),
    backends: Sequence[str] = (AUTO,),
    precisions: Sequence[str | None] = (None,),
    style: str | None = None,
    sr: int | None = None,
) -> list[Combination]:
    """All combinations; None is the default net or precision. Raises BadInputError for what is right on no machine."""
    for backend in backends:
        if backend != AUTO and backend not in BACKENDS:
            raise BadInputError(f"no backend is called {backend!r}{nearest(backend, [AUTO, *BACKENDS])}")
    for precision in precisions:
        EngineOptions(precision=precision)
    pipelines = [resolve(StyleOptions(style=style, net=net, sr=sr)) for net in nets]
    return [
        Combination(pipeline=pipeline, backend=backend, precision=precision, sr=sr)
        for pipeline, backend, precision in itertools.product(pipelines, backends, precisions)
    ]


def engine_rate(
    combination: Combination, size: tuple[int, int], *, frames: int, warm_up: int = _WARM_UP
) -> dict[str, Any]:
    """The engine alone, two where a net paints and another enlarges, at frames of `size` (width, height).

    As many frames are in flight as it takes. Returns `fps`, `frame_ms` (percentiles of the time from one result to the
    next), backend, device and precision. Raises what `open_engine` raises.
    """
    pipeline = combination.pipeline
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    pictures = itertools.cycle((picture, 255 - picture))  # one like the last would not be painted
    options = EngineOptions(cache=cache_folder(), precision=combination.precision)
    between = Timings()
    with open_pipeline(pipeline, size, backend=combination.backend, options=options) as opened:
        for _ in range(opened.depth - 1):
            opened.submit(next(pictures), pipeline.params)
        began = last = now_ns()
        for number in range(warm_up + frames):
            opened.submit(next(pictures), pipeline.params)
            opened.collect()
            now = now_ns()
            if number < warm_up:
                began = now
            else:
                between.add_ns(now - last)
            last = now
        while opened.in_flight:
            opened.collect()
        specs = opened.specs
    return {
        "fps": round(frames * 1e9 / (last - began), 2),
        "frame_ms": between.summary_ms(),
        "backend": joined(specs, "backend"),
        "device": joined(specs, "device"),
        "precision": joined(specs, "precision"),
    }


def sweep(
    measured: Sequence[Combination],
    sizes: Sequence[tuple[int, int]],
    *,
    frames: int,
    rounds: int,
    warm_up: int,
    report: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Measure each combination at each size (width, height), `rounds` times over `frames` frames after `warm_up`.

    A row of figures for each, in order; one that cannot run here has its `reason` in their place. Raises BadInputError
    for a size that is too small or too large for any machine.
    """
    for size in sizes:
        CamOptions(size=size)
    rows = [_Row(combination, size) for combination, size in itertools.product(measured, sizes)]
    with GpuMeter() as gpus:
        for turn, row in itertools.product(range(rounds), rows):
            if row.reason is None:
                row.measure(frames, warm_up, gpus)
                report(f"round {turn + 1} of {rounds}: {row.progress()}")
    return [row.figures(frames, rounds, warm_up) for row in rows]


class _Row:
    """What has been measured of one combination so far."""

    def __init__(self, combination: Combination, size: tuple[int, int]) -> None:
        self._combination, self._size = combination, size
        self.reason: str | None = None
        """Why it cannot run here."""
        self._bare: list[dict[str, Any]] = []
        self._cam: list[WatchedRun] = []

    def measure(self, frames: int, warm_up: int, gpus: GpuMeter) -> None:
        command = ["cam", "--source", "test-pattern", "--size", size_text(self._size), "--headless"]
        command += [*self._combination.arguments(), "--frames", str(frames + warm_up), "--warm-up", str(warm_up)]
        try:
            self._bare.append(engine_rate(self._combination, self._size, frames=frames, warm_up=warm_up))
            self._cam.append(run_rtstyle(command, gpus=gpus))
        except (BackendError, MissingPackageError) as error:
            self.reason = str(error)

    def progress(self) -> str:
        """One line on the newest round."""
        name = f"{self._combination} {size_text(self._size)}"
        if self.reason is not None:
            return f"{name}: cannot run here: {self.reason}"
        return f"{name}: bare {self._bare[-1]['fps']:.1f}, cam {self._cam[-1].summary['fps']:.1f} frames/s"

    def figures(self, frames: int, rounds: int, warm_up: int) -> dict[str, Any]:
        combination, style = self._combination, self._combination.pipeline.style
        facts = {
            "net": combination.net,
            "style": None if style is None else style.label,
            "size": list(self._size),
            "asked": {"backend": combination.backend, "precision": combination.precision},
        }
        if self.reason is not None:
            return {**facts, "reason": self.reason}
        last = self._cam[-1].summary
        figures = {
            **facts,
            "frames": frames,
            "rounds": rounds,
            "warm_up": warm_up,
            "in_flight": last["in_flight"],
            **_side_by_side(self._bare, "cam", self._cam),
            "bare_frame_ms": _median_percentiles([run["frame_ms"] for run in self._bare]),
            "latency_ms": _median_percentiles([run.summary["latency_ms"] for run in self._cam]),
        }
        return {**figures, **_resources(self._cam), "last_run": last}


def _side_by_side(bare: Sequence[dict[str, Any]], command: str, runs: Sequence[WatchedRun]) -> dict[str, Any]:
    """The engine, its rates, those of the command around it, and the median of the ratios round by round."""
    bare_fps, command_fps = [run["fps"] for run in bare], [run.summary["fps"] for run in runs]
    return {
        "engine": {key: bare[-1][key] for key in ("backend", "device", "precision")},
        "bare_fps": vars(Spread.over(bare_fps)),
        f"{command}_fps": vars(Spread.over(command_fps)),
        "ratio": round(statistics.median(c / b for c, b in zip(command_fps, bare_fps, strict=True)), 3),
    }


def _resources(runs: list[WatchedRun]) -> dict[str, Any]:
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


def _median_percentiles(percentiles: Sequence[dict[str, float]]) -> dict[str, float]:
    """The medians over the runs of p50, p95 and p99."""
    return {key: round(statistics.median(run[key] for run in percentiles), 3) for key in percentiles[0]}


def video_against_engine(
    combination: Combination, clip: Path, *, preset: str, rounds: int, report: Callable[[str], None]
) -> dict[str, Any]:
    """`rtstyle video` on a clip, x264 with `preset`, and the bare engine at its size; the two take turns.

    A first run, not counted, warms up and tells the size. Raises what either of the two raises.
    """
    bare: list[dict[str, Any]] = []
    video: list[WatchedRun] = []
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "painted.mp4"
        command = ["video", str(clip), str(target), "--force", "--preset", preset, *combination.arguments()]
        first = run_rtstyle(command).summary
        scale = combination.pipeline.scale
        size = (first["size"][0] // scale, first["size"][1] // scale)
        frames = min(first["frames"], _MOST_BARE_FRAMES)
        for turn in range(rounds):
            bare.append(engine_rate(combination, size, frames=frames))
            video.append(run_rtstyle(command))
            rates = f"bare {bare[-1]['fps']:.1f}, video {video[-1].summary['fps']:.1f} frames/s"
            report(f"round {turn + 1} of {rounds}: {rates}")
    figures: dict[str, Any] = {
        "net": combination.net,
        "size": list(size),
        "preset": preset,
        "frames": frames,
        "rounds": rounds,
        **_side_by_side(bare, "video", video),
        "bare_frame_ms": bare[-1]["frame_ms"],
        "job": _time_spent(_median_run(video)),
    }
    peaks = [run.peak_mb for run in video if run.peak_mb is not None]
    return {**figures, **({"peak_mb": max(peaks)} if peaks else {}), "last_run": video[-1].summary}


def _time_spent(run: WatchedRun) -> dict[str, Any]:
    """What the threads of a run of `rtstyle video` did, and how much of its process was not the job itself."""
    summary = run.summary
    return {
        **{key: summary[key] for key in ("frames", "seconds", "fps", "thread_seconds")},
        "outside_s": round(run.wall_s - summary["seconds"], 3),
    }


def _median_run(runs: list[WatchedRun]) -> WatchedRun:
    """The run whose rate is in the middle, or next below it."""
    return sorted(runs, key=lambda run: float(run.summary["fps"]))[(len(runs) - 1) // 2]
