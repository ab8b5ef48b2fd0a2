"""One measurement of `benchmarks.gpu_check`, in a process of its own: a GPU that is lost takes only this one along.

    python -m benchmarks.gpu_step BACKEND NET 1280x720

Prints one JSON object. Engines are kept in RTSTYLE_CACHE, so the first start is one with a build where that is empty.
Not yet run on a GPU.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.gpu_floor import cost_of
from engines.backends import open_engine
from engines.cache import cache_folder
from engines.contract import Engine, EngineOptions
from engines.errors import RtStyleError
from engines.library import Library
from engines.parity import trial_pictures, trial_style

__all__ = ["main", "rates"]

_FRAMES_S = 2.0
"""How long each rate is measured."""
_DEPTHS = (1, 2, 3)


def main(
    backend: Annotated[str, typer.Argument()],
    net: Annotated[str, typer.Argument()],
    size: Annotated[str, typer.Argument()],
) -> None:
    """Measure one net on one backend. Exit code 2, with one line, where it cannot run."""
    width, _, height = size.partition("x")
    try:
        row = rates(backend, net, (int(width), int(height)), cache_folder())
    except RtStyleError as error:
        typer.echo(f"rtstyle: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(json.dumps(row))


def rates(backend: str, net_name: str, size: tuple[int, int], cache: Path) -> dict[str, Any]:
    """Starts with and without a build, rates with 1 to 3 frames in flight, and what the GPU achieved of its floor."""
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
    for depth in _DEPTHS:
        with open_engine(net, size, backend=backend, options=EngineOptions(cache=cache, depth=depth)) as engine:
            row[f"depth_{depth}"] = _rate(engine, trial_pictures(size)[3], trial_style(net))
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
