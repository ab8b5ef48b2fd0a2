"""The whole check on a GPU, in one command that fits ten minutes:

    python -m benchmarks.gpu_check

It runs `pytest -m gpu`, then times every GPU backend that can run here, and writes results/gpu-NAME.json after each
step, so that a run that is cut short keeps what it has. Not yet run on a GPU.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.gpu_floor import cost_of
from benchmarks.machine import write_result
from engines.backends import open_engine, reports
from engines.contract import Engine, EngineOptions
from engines.errors import RtStyleError
from engines.library import Library
from engines.nvidia.agreement import trial_pictures, trial_style
from engines.nvidia.driver import find_gpu

__all__ = ["main"]

_BACKENDS = ("tensorrt-rtx", "tensorrt", "torch")
_SIZES = ((1280, 720), (1920, 1080))
_FRAMES_S = 3.0
"""How long each rate is measured."""


def main(
    minutes: Annotated[float, typer.Option(help="Stop starting new steps after this long.")] = 9.5,
    tests: Annotated[bool, typer.Option(help="Run pytest -m gpu first.")] = True,
) -> None:
    """Run all that needs a GPU and write the results. Exit code 2 without a GPU, 1 where a test or a step failed."""
    deadline = time.monotonic() + 60 * minutes
    try:
        gpu = find_gpu()
    except RtStyleError as error:
        typer.echo(f"rtstyle: {error}", err=True)
        raise typer.Exit(2) from error
    name = "gpu-" + re.sub(r"[^a-z0-9]+", "-", gpu.name.lower()).strip("-")
    figures: dict[str, Any] = {
        "gpu": {"name": gpu.name, "target": gpu.target, "memory_mb": gpu.memory >> 20, "cuda": gpu.driver},
        "backends": {report.name: report.text for report in reports()},
        "rates": [],
        "failures": [],
    }
    if tests:
        figures["tests"] = _tests(0.6 * 60 * minutes)
        if figures["tests"]["exit_code"]:
            figures["failures"].append("pytest -m gpu")
        write_result(name, figures)
    with tempfile.TemporaryDirectory() as cache:
        for step in _steps():
            if time.monotonic() > deadline:
                figures["failures"].append(f"no time left for {step}")
                continue
            try:
                figures["rates"].append(_rates(*step, Path(cache)))
            except RtStyleError as error:
                figures["failures"].append(f"{step}: {error}")
            write_result(name, figures)
    typer.echo(f"written: {write_result(name, figures)}")
    for failure in figures["failures"]:
        typer.echo(f"failed: {failure}")
    if figures["failures"]:
        raise typer.Exit(1)


def _steps() -> list[tuple[str, str, tuple[int, int]]]:
    """(backend, net, size): what can run here, the most wanted first."""
    usable = {report.name for report in reports() if report.usable}
    nets = list(Library().nets())
    return [(backend, net, size) for net in nets for size in _SIZES for backend in _BACKENDS if backend in usable]


def _tests(timeout_s: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-rs", "--durations=10"]
    began = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s)  # noqa: S603
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        code, output = 124, (error.stdout or b"").decode(errors="replace")
    typer.echo(output)
    return {"exit_code": code, "seconds": round(time.monotonic() - began, 1), "end": output.splitlines()[-40:]}


def _rates(backend: str, net_name: str, size: tuple[int, int], cache: Path) -> dict[str, Any]:
    net = Library().net(net_name)
    cost = cost_of(net, size)
    row: dict[str, Any] = {"backend": backend, "net": net_name, "size": list(size)}
    row |= {"gigamacs": round(cost.gigamacs, 2), "megabytes": round(cost.megabytes, 1)}
    for label in ("first_start_s", "second_start_s"):
        began = time.perf_counter()
        with open_engine(net, size, backend=backend, options=EngineOptions(cache=cache)) as engine:
            engine.submit(trial_pictures(size)[3], trial_style(net))
            engine.collect()
            row[label] = round(time.perf_counter() - began, 2)
    for depth in (1, 2, 3):
        with open_engine(net, size, backend=backend, options=EngineOptions(cache=cache, depth=depth)) as engine:
            row[f"depth_{depth}"] = _rate(engine, trial_pictures(size)[3], trial_style(net))
    typer.echo(f"{backend} {net_name} {size[0]}x{size[1]}: {row}")
    gpu_ms = row["depth_1"]["stages_ms"]["compute"]
    row["achieved"] = {
        "gigabytes_per_s": round(cost.megabytes / gpu_ms, 1),
        "teraflops": round(2 * cost.gigamacs / gpu_ms, 2),
    }
    return row


def _rate(engine: Engine, frame: np.ndarray, style: np.ndarray | None) -> dict[str, Any]:
    """Frames a second from numpy to numpy, GPU time of each stage, and how much of it overlapped."""
    stages: list[dict[str, float]] = []
    width, height = engine.spec.output_size
    out = np.empty((height, width, 3), np.uint8)
    for _ in range(engine.depth):
        engine.submit(frame, style)
    frames, began = 0, time.perf_counter()
    while time.perf_counter() - began < _FRAMES_S:
        engine.collect(out)
        stages.append(engine.stages_ms())  # type: ignore[attr-defined]
        engine.submit(frame, style)
        frames += 1
    wall_ms = 1e3 * (time.perf_counter() - began)
    medians = {key: round(statistics.median(stage[key] for stage in stages), 3) for key in stages[0]}
    total_ms = sum(sum(stage.values()) for stage in stages)
    return {"fps": round(1e3 * frames / wall_ms, 1), "stages_ms": medians, "overlap": round(total_ms / wall_ms, 2)}


if __name__ == "__main__":
    typer.run(main)
