"""Frames per second: the bare engine, and the same engine inside `rtstyle cam` and `rtstyle video`.

The runs take turns, so that a noisy machine slows all of them alike; the ratios are what can be trusted.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.backends import cache_folder, open_engine
from engines.contract import EngineOptions
from engines.errors import BackendError
from engines.look import Look
from realtime.stats import Timings, now_ns

__all__ = ["Spread", "bare_rate", "cam_against_bare", "video_against_bare"]

_WARM_UP = 10


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Frames per second over several runs."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def over(cls, rates: list[float]) -> Spread:
        return cls(median=round(statistics.median(rates), 2), lowest=round(min(rates), 2), highest=round(max(rates), 2))


def bare_rate(look: Look, size: tuple[int, int], *, backend: str, frames: int) -> dict[str, object]:
    """The engine alone, fed from memory with its frames in flight, at frames of `size` (width, height).

    Returns `fps`, `frame_ms` (percentiles of the time from one result to the next), backend, device and precision.
    """
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    between = Timings()
    with open_engine(look.net, size, backend=backend, options=EngineOptions(cache=cache_folder())) as engine:
        for number in range(_WARM_UP + frames + 1):
            engine.submit(picture, look.vector)
            if number < engine.depth - 1:
                continue
            engine.collect()
            now = now_ns()
            if number == _WARM_UP:
                began = last = now
            elif number > _WARM_UP:
                between.add_ns(now - last)
                last = now
        spec = engine.spec
    return {
        "fps": round(frames * 1e9 / (last - began), 2),
        "frame_ms": between.summary_ms(),
        "backend": spec.backend,
        "device": spec.device,
        "precision": spec.precision,
    }


def cam_against_bare(
    look: Look, size: tuple[int, int], *, backend: str, frames: int, rounds: int, report: Callable[[str], None]
) -> dict[str, object]:
    """`rtstyle cam` on the test pattern, without a window, against the bare engine."""
    command = ["cam", "--source", "test-pattern", "--size", f"{size[0]}x{size[1]}", "--headless"]
    command += ["--frames", str(frames), *_choice(look, backend)]
    return _against_bare(look, size, command, backend=backend, frames=frames, rounds=rounds, report=report)


def video_against_bare(
    look: Look, clip: Path, *, preset: str, backend: str, rounds: int, report: Callable[[str], None]
) -> dict[str, object]:
    """`rtstyle video` on a clip, x264 with `preset`, against the bare engine at the clip's size."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "painted.mp4"
        command = ["video", str(clip), str(target), "--force", "--preset", preset, *_choice(look, backend)]
        first = _rtstyle(command)
        width, height = first["size"]
        return _against_bare(
            look,
            (int(width), int(height)),
            command,
            backend=backend,
            frames=min(first["frames"], 300),
            rounds=rounds,
            report=report,
        )


def _against_bare(
    look: Look,
    size: tuple[int, int],
    command: list[str],
    *,
    backend: str,
    frames: int,
    rounds: int,
    report: Callable[[str], None],
) -> dict[str, object]:
    bare: list[float] = []
    whole: list[float] = []
    for turn in range(rounds):
        alone = bare_rate(look, size, backend=backend, frames=frames)
        last = _rtstyle(command)
        bare.append(float(str(alone["fps"])))
        whole.append(float(last["fps"]))
        report(f"round {turn + 1} of {rounds}: bare {bare[-1]:.1f}, {command[0]} {whole[-1]:.1f} frames/s")
    bare_spread, whole_spread = Spread.over(bare), Spread.over(whole)
    return {
        "net": look.net.spec.name,
        "size": list(size),
        "engine": {key: alone[key] for key in ("backend", "device", "precision")},
        "frames": frames,
        "rounds": rounds,
        "bare_fps": vars(bare_spread),
        f"{command[0]}_fps": vars(whole_spread),
        "ratio": round(statistics.median(w / b for w, b in zip(whole, bare, strict=True)), 3),
        "bare_frame_ms": alone["frame_ms"],
        "last_run": last,
    }


def _choice(look: Look, backend: str) -> list[str]:
    return ["--style", look.label, "--net", str(look.net.path or look.net.spec.name), "--backend", backend, "--json"]


def _rtstyle(arguments: list[str]) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-m", "rtstyle", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackendError(f"rtstyle {arguments[0]} failed: {done.stderr.strip()}")
    summary: dict[str, Any] = json.loads(done.stdout)
    summary.pop("output", None)  # a temporary file
    return summary
