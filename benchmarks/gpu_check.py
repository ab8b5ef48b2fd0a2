"""The whole check on a GPU, in one command that fits ten minutes:

    python -m benchmarks.gpu_check

Every step is a process of its own with a time limit: whatever a step does, those before it are written and those after
it run. results/gpu-NAME.json, with the machine and the versions, is written anew after each. Not yet run on a GPU.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.results import write_result
from engines.backends import reports
from engines.errors import RtStyleError
from engines.library import DEFAULT_NET, Library
from engines.nvidia.driver import find_gpu

__all__ = ["Step", "main", "run_step", "steps_for"]

_BACKENDS = ("tensorrt-rtx", "tensorrt", "torch")
_SIZES = {"style": ("1280x720", "1920x1080"), "upscale": ("480x270",)}
"""By the kind of a net."""
_TESTS_S = 270.0
_STEP_S = 120.0
_REFUSED = 2
"""The exit code of rtstyle for what cannot be done here."""
_SHORTEST_S = 10.0
"""With less time left than this no step is begun."""


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


def main(
    minutes: Annotated[float, typer.Option(help="End after this long.")] = 9.5,
    tests: Annotated[bool, typer.Option(help="Run pytest -m gpu, too.")] = True,
) -> None:
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
                yield Step(label=label, command=("-m", "benchmarks.gpu_step", backend, net, size))


def _whole_commands(backend: str, folder: Path) -> Iterator[Step]:
    """`rtstyle cam` against the bare engine, and `rtstyle video` with every pair of decoder and encoder."""
    bench = ("bench", "fps", "--backend", backend, "--size", "1280x720", "--rounds", "1", "--json")
    yield Step(label=f"bench fps {backend}", command=("-m", "rtstyle", *bench))
    clip = folder / "clip.mp4"
    yield Step(label="make a clip", command=("-m", "benchmarks.gpu_clip", str(clip)), lines=1)
    for decoder in ("cpu", "cuda"):
        for codec in ("h264", "h264_nvenc", "hevc_nvenc"):
            chosen = ("--backend", backend, "--decoder", decoder, "--codec", codec, "--json", "--force")
            yield Step(
                label=f"video {decoder} {codec}",
                command=("-m", "rtstyle", "video", str(clip), str(folder / "out.mp4"), *chosen),
                may_be_missing=codec != "h264",  # data-centre cards have no encoder
            )


def run_step(step: Step, deadline: float, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Run a step to its end, its limit or the deadline (of time.monotonic), whichever is first. Never raises.

    Returns label, seconds, and `result` (what it printed as JSON) or `end` (last lines), and why it failed as
    `failure`, or as `missing` where a part of the GPU may be.
    """
    began = time.monotonic()
    limit_s = min(step.limit_s, deadline - began)
    done: dict[str, Any] = {"label": step.label, "seconds": 0.0}
    if limit_s < _SHORTEST_S:
        return {**done, "failure": "no time was left for it"}
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as complaints:
        try:
            process = subprocess.run(  # noqa: S603 (our own commands)
                [sys.executable, *step.command],
                stdout=told,
                stderr=complaints,
                env=environment,
                check=False,
                timeout=limit_s,
            )
            code: int | None = process.returncode
        except subprocess.TimeoutExpired:
            code = None
        except OSError as error:
            return {**done, "failure": f"cannot be started: {error}"}
        output, errors = (_text(file) for file in (told, complaints))
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


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read())


if __name__ == "__main__":
    typer.run(main)
