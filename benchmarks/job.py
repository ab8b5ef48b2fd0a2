"""Frames per second of `rtstyle video` on a clip against the bare engine, and where the time of the job goes."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bare import bare_rate
from benchmarks.child import Watched, watched_run
from benchmarks.choice import Choice
from benchmarks.spread import Spread

__all__ = ["job_of", "video_against_bare"]

_MOST_BARE_FRAMES = 300


def video_against_bare(
    choice: Choice, clip: Path, *, preset: str, rounds: int, report: Callable[[str], None]
) -> dict[str, Any]:
    """x264 with `preset`; the two take turns.

    A first run, not counted, warms up and tells the size. Raises what either of the two raises.
    """
    bare: list[dict[str, Any]] = []
    video: list[Watched] = []
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "painted.mp4"
        command = ["video", str(clip), str(target), "--force", "--preset", preset, *choice.told()]
        first = watched_run(command).summary
        scale = choice.pipeline.scale
        size = (first["size"][0] // scale, first["size"][1] // scale)
        frames = min(first["frames"], _MOST_BARE_FRAMES)
        for turn in range(rounds):
            bare.append(bare_rate(choice, size, frames=frames))
            video.append(watched_run(command))
            rates = f"bare {bare[-1]['fps']:.1f}, video {video[-1].summary['fps']:.1f} frames/s"
            report(f"round {turn + 1} of {rounds}: {rates}")
    bare_fps, video_fps = [run["fps"] for run in bare], [run.summary["fps"] for run in video]
    figures: dict[str, Any] = {
        "net": choice.net,
        "size": list(size),
        "preset": preset,
        "engine": {key: bare[-1][key] for key in ("backend", "device", "precision")},
        "frames": frames,
        "rounds": rounds,
        "bare_fps": vars(Spread.over(bare_fps)),
        "video_fps": vars(Spread.over(video_fps)),
        "ratio": round(statistics.median(w / b for w, b in zip(video_fps, bare_fps, strict=True)), 3),
        "bare_frame_ms": bare[-1]["frame_ms"],
        "job": job_of(_middle(video)),
    }
    peaks = [run.peak_mb for run in video if run.peak_mb is not None]
    return {**figures, **({"peak_mb": max(peaks)} if peaks else {}), "last_run": video[-1].summary}


def job_of(run: Watched) -> dict[str, Any]:
    """What the threads of a run of `rtstyle video` did, and how much of its process was not the job itself."""
    summary = run.summary
    return {
        **{key: summary[key] for key in ("frames", "seconds", "fps", "thread_seconds")},
        "outside_s": round(run.wall_s - summary["seconds"], 3),
    }


def _middle(runs: list[Watched]) -> Watched:
    """The run whose rate is in the middle, or next below it."""
    return sorted(runs, key=lambda run: float(run.summary["fps"]))[(len(runs) - 1) // 2]
