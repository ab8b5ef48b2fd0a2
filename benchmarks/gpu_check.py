"""The whole check on a GPU, in one command that fits ten minutes, and what it is made of:

    python -m benchmarks.gpu_check                          # everything
    python -m benchmarks.gpu_check rate BACKEND NET 1280x720
    python -m benchmarks.gpu_check clip clip.mp4
    python -m benchmarks.gpu_check roofline                 # runs without a GPU

Every step is a process of its own with a time limit, as a GPU that is lost takes its process along: whatever a step
does, those before it are written and those after it run. results/gpu-NAME.json, with the machine and the versions, is
written anew after each. Not yet run on a GPU.
"""

from __future__ import annotations

import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import av
import numpy as np
import typer

from benchmarks.results import size_text, write_result
from engines.backends import open_engine, reports
from engines.cache import cache_folder
from engines.contract import Engine, EngineOptions, padded_size
from engines.errors import RtStyleError
from engines.library import DEFAULT_NET, Library
from engines.net_file import NetFile
from engines.nvidia.driver import find_gpu
from engines.openvino_backend import openvino_module
from engines.parity import trial_pictures, trial_style

__all__ = [
    "CARDS",
    "Card",
    "Cost",
    "Step",
    "check",
    "cost_of",
    "main",
    "rates",
    "roofline_ms",
    "run_step",
    "steps_for",
    "write_clip",
]

_app = typer.Typer(add_completion=False, rich_markup_mode=None)
_BACKENDS = ("tensorrt-rtx", "tensorrt", "torch")
_SIZES = {"style": ("1280x720", "1920x1080"), "upscale": ("480x270",)}
"""By the kind of a net."""
_TESTS_S = 270.0
_STEP_S = 120.0
_REFUSED = 2
"""The exit code of rtstyle for what cannot be done here."""
_SHORTEST_S = 10.0
"""With less time left than this no step is begun: see `run_step`."""
_FRAMES_S = 2.0
"""How long each rate is measured."""
_DEPTHS = (1, 2, 3)
_CLIP_SIZE = (1280, 720)
_CLIP_RATE = 30
_ROOFLINE_SIZES = {"style": ((640, 480), (1280, 720), (1920, 1080)), "upscale": ((480, 270), (640, 360))}
"""(width, height) of the frames, by the kind of the net."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something to run."""

    label: str
    command: tuple[str, ...]
    """Arguments for Python."""
    limit_s: float = _STEP_S
    lines: int = 0
    """How many of the last lines of its output are kept, for a step that does not print a JSON object."""
    may_be_missing: bool = False
    """An error means that the GPU lacks something, and is no failure."""


@_app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    minutes: Annotated[float, typer.Option(help="End after this long.")] = 9.5,
    tests: Annotated[bool, typer.Option(help="Run pytest -m gpu, too.")] = True,
) -> None:
    """Run all that needs a GPU and write the results. Exit code 2 without a GPU, 1 where a test or a step failed."""
    if context.invoked_subcommand is None:
        check(minutes=minutes, tests=tests)


def check(*, minutes: float, tests: bool) -> None:
    """Run all that needs a GPU and write the results. Exit code 2 without a GPU, 1 where a test or a step failed."""
    deadline = time.monotonic() + 60 * minutes
    try:
        gpu = find_gpu()
    except RtStyleError as error:
        typer.echo(f"rtstyle: nothing to check: {error}", err=True)
        raise typer.Exit(2) from error
    name = "gpu-" + re.sub(r"[^a-z0-9]+", "-", gpu.name.lower()).strip("-")
    found = reports()
    figures: dict[str, Any] = {
        "gpu": {"name": gpu.name, "target": gpu.target, "memory_mb": gpu.memory >> 20, "cuda": gpu.driver},
        "backends": {report.name: report.text for report in found},
        "steps": [],
        "failures": [],
    }
    usable = [report.name for report in found if report.usable and report.name in _BACKENDS]
    if not usable:
        figures["failures"].append("no backend can use this GPU: see backends")
    write_result(name, figures)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "RTSTYLE_CACHE": str(Path(folder) / "cache")}
        for step in steps_for(usable, Path(folder), tests=tests):
            done = run_step(step, deadline, environment)
            typer.echo(
                f"{step.label}: {done.get('failure') or done.get('missing') or 'done'} ({done['seconds']:.0f} s)"
            )
            figures["steps"].append(done)
            if "failure" in done:
                figures["failures"].append(f"{step.label}: {done['failure']}")
            write_result(name, figures)
    typer.echo(f"written: {write_result(name, figures)}")
    if figures["failures"]:
        raise typer.Exit(1)


def steps_for(usable: list[str], folder: Path, *, tests: bool) -> Iterator[Step]:
    """What is to be run, the most wanted first: a first figure, the tests, all figures, whole commands."""
    rates = list(_rates(usable))
    yield from rates[: len(usable)]
    if tests:
        command = ("-m", "pytest", "-m", "gpu", "-v", "-rfE", "--durations=10", "-p", "no:cacheprovider")
        yield Step(label="pytest -m gpu", command=command, limit_s=_TESTS_S, lines=80)
    if usable:
        yield from _whole_commands(usable[0], folder)
    yield from rates[len(usable) :]


def _rates(usable: list[str]) -> Iterator[Step]:
    """Bare engines: the default net before the others, every backend at a size before the next size."""
    library = Library()
    for net in sorted(library.nets(), key=lambda name: name != DEFAULT_NET):
        for size in _SIZES[library.net(net).spec.kind]:
            for backend in usable:
                label = f"{backend} {net} {size}"
                yield Step(label=label, command=("-m", "benchmarks.gpu_check", "rate", backend, net, size))


def _whole_commands(backend: str, folder: Path) -> Iterator[Step]:
    """`rtstyle cam` against the bare engine, and `rtstyle video` with every pair of decoder and encoder."""
    bench = ("bench", "fps", "--backend", backend, "--size", "1280x720", "--rounds", "1", "--json")
    yield Step(label=f"bench fps {backend}", command=("-m", "rtstyle", *bench))
    clip = folder / "clip.mp4"
    yield Step(label="make a clip", command=("-m", "benchmarks.gpu_check", "clip", str(clip)), lines=1)
    for decoder in ("cpu", "cuda"):
        for codec in ("h264", "h264_nvenc", "hevc_nvenc"):
            chosen = ("--backend", backend, "--decoder", decoder, "--codec", codec, "--json", "--force")
            yield Step(
                label=f"video {decoder} {codec}",
                command=("-m", "rtstyle", "video", str(clip), str(folder / "out.mp4"), *chosen),
                may_be_missing=codec != "h264",  # data-centre cards have no encoder
            )


def run_step(
    step: Step, deadline: float, environment: dict[str, str] | None = None, *, shortest_s: float = _SHORTEST_S
) -> dict[str, Any]:
    """Run a step to its end, its limit or the deadline (of time.monotonic), whichever is first. Never raises.

    Returns label, seconds, and `result` (what it printed as JSON) or `end` (last lines), and why it failed as
    `failure`, or as `missing` where a part of the GPU may be.
    """
    began = time.monotonic()
    limit_s = min(step.limit_s, deadline - began)
    done: dict[str, Any] = {"label": step.label, "seconds": 0.0}
    if limit_s < shortest_s:
        return {**done, "failure": "no time was left for it"}
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        try:
            process = subprocess.run(  # noqa: S603 (our own commands)
                [sys.executable, *step.command],
                stdout=stdout,
                stderr=stderr,
                env=environment,
                check=False,
                timeout=limit_s,
            )
            code: int | None = process.returncode
        except subprocess.TimeoutExpired:
            code = None
        except OSError as error:
            return {**done, "failure": f"cannot be started: {error}"}
        for file in (stdout, stderr):
            file.seek(0)
        output, errors = stdout.read(), stderr.read()
    done["seconds"] = round(time.monotonic() - began, 1)
    if step.lines:
        done["end"] = output.splitlines()[-step.lines :]
    else:
        try:
            done["result"] = json.loads(output)
        except ValueError:
            done["end"] = [*output.splitlines()[-10:], *errors.splitlines()[-10:]]
    if code is None:
        done["failure"] = f"not done after {limit_s:.0f} s"
    elif code or ("result" not in done and not step.lines):
        last = next((line for line in reversed(errors.splitlines()) if line.strip()), "no reason was given")
        how = "missing" if step.may_be_missing and code == _REFUSED else "failure"
        done[how] = f"exit code {code}: {last.removeprefix('rtstyle: ')}"
    return done


@_app.command()
def rate(
    backend: Annotated[str, typer.Argument()],
    net: Annotated[str, typer.Argument()],
    size: Annotated[str, typer.Argument()],
) -> None:
    """Measure one net on one backend and print a JSON object. Exit code 2, with one line, where it cannot run.

    Engines are kept in RTSTYLE_CACHE, so the first start is one with a build where that is empty.
    """
    width, _, height = size.partition("x")
    try:
        row = rates(backend, net, (int(width), int(height)), cache_folder())
    except RtStyleError as error:
        typer.echo(f"rtstyle: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(json.dumps(row))


def rates(backend: str, net_name: str, size: tuple[int, int], cache: Path) -> dict[str, Any]:
    """Starts with and without a build, rates with 1 to 3 frames in flight, and what the GPU achieved of its peaks."""
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


@_app.command()
def clip(path: Annotated[Path, typer.Argument()]) -> None:
    """Write the clip that the check sends through `rtstyle video`: nothing has to be fetched."""
    write_clip(path)


def write_clip(path: Path, *, frames: int = 300, size: tuple[int, int] = _CLIP_SIZE) -> Path:
    """H.264, (width, height), waves that travel over a grain that stands still. Returns `path`."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    grain = np.random.default_rng(0).integers(0, 24, (height, width, 3), np.uint8)
    base = np.stack([127 + 100 * np.sin(x / (40 + 9 * c) + y / (60 - 7 * c)) for c in range(3)], axis=-1)
    scene = np.clip(base + grain, 0, 255).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_CLIP_RATE, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, _CLIP_RATE)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(scene, 4 * number, axis=1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, _CLIP_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@dataclass(frozen=True, kw_only=True)
class Card:
    """The vendor's figures."""

    gigabytes_per_s: float
    teraflops: float
    """Dense float16 with float32 sums."""


CARDS = {
    # NVIDIA Ada GPU Architecture, appendix A: 384 bits at 21 Gbps; "Peak FP16 Tensor TFLOPS with FP32 Accumulate"
    "RTX 4090": Card(gigabytes_per_s=1008, teraflops=165.2),
    # GeForce RTX 3060 12 GB: 192 bits at 15 Gbps. No such figure is published: 28 SMs at 1.777 GHz with the 512
    # operations a clock of each that the GA102 whitepaper's 71 TFLOPS of the RTX 3090 (82 SMs, 1.695 GHz) come to
    "RTX 3060": Card(gigabytes_per_s=360, teraflops=25.5),
    # NVIDIA H200 data sheet, SXM: 4.8 TB/s; 1979 TFLOPS of FP16 with sparsity, half of it without
    "H200": Card(gigabytes_per_s=4800, teraflops=989),
}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one frame takes."""

    gigamacs: float
    megabytes: float


def cost_of(net: NetFile, size: tuple[int, int]) -> Cost:
    """The cost of one frame of `size` (width, height). OpenVINO works out the shapes.

    Bytes, in float16: every convolution reads its input and writes its output once, every norm reads its input once
    more for the statistics, every residual sum reads its second term; all else is fused. Operations: those of the
    convolutions, on tensor cores with float32 sums.
    """
    width, height = padded_size(size, net.spec.size_multiple)
    model = openvino_module().Core().read_model(net.model)
    model.reshape({"frame": [1, height, width, 3]})
    macs = elements = 0
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind in ("Convolution", "GroupConvolution"):
            into, weights, out = (math.prod(part.get_shape()) for part in (*node.inputs(), node.output(0)))
            macs += out * weights // node.output(0).get_shape()[1]
            elements += into + weights + out
        elif kind == "MVN":
            elements += math.prod(node.input(0).get_shape())
        elif kind == "Add" and node.input(0).get_shape() == node.input(1).get_shape():
            elements += math.prod(node.input(1).get_shape())
    return Cost(gigamacs=macs / 1e9, megabytes=2 * elements / 1e6)


def roofline_ms(cost: Cost, card: Card) -> tuple[float, float]:
    """(by bytes, by operations), in milliseconds: the larger one is the least time that a frame can take."""
    return cost.megabytes / card.gigabytes_per_s, 2 * cost.gigamacs / card.teraflops


@_app.command()
def roofline() -> None:
    """Print the least time that each net can take on each card: by bytes and by operations. Nothing is measured."""
    library = Library()
    typer.echo("net, size: GMAC, MB a frame; least ms by bytes / by operations (computed, not measured)")
    for name in library.nets():
        for size in _ROOFLINE_SIZES[library.net(name).spec.kind]:
            cost = cost_of(library.net(name), size)
            least = [f"{card} {b:.2f} / {o:.2f}" for card, (b, o) in ((c, roofline_ms(cost, CARDS[c])) for c in CARDS)]
            typer.echo(f"{name} {size_text(size)}: {cost.gigamacs:.1f}, {cost.megabytes:.0f}; {'; '.join(least)}")


if __name__ == "__main__":
    _app()
