"""Times one program, in a process of its own and maybe in another Python: needs the standard library and numpy.

    python runner.py JOB

A program is a file in programs/ with a function `open_program(job: Job) -> Program`. JOB is a `Job` as JSON. Every line
on stdout is one JSON object, every line on stdin a request:

    <- {"ready": {"about": "OpenVINO bf16", "ways": ["call", "stream"], "versions": {"numpy": "2.4.6"}}}
    -> {"way": "call", "frames": 60, "warm_up": 3, "most_s": 10}
    <- {"done": {"fps": 41.5, "frames": 60}}

and in place of an answer {"failed": "the reason"}, after which it ends. It also ends with its stdin.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import os
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Frame", "Job", "Program", "Run", "Sink", "main"]

Frame: TypeAlias = "NDArray[np.uint8]"
"""uint8 `(h, w, 3)`: RGB, or BGR where the program says so."""
Sink: TypeAlias = "Callable[[Frame], None]"
"""Takes a picture that is done and drops it."""
Run: TypeAlias = "Callable[[Iterator[Frame], Sink], object]"
"""Takes frames until there are no more, and gives a picture for each to the sink, in order."""

_WAYS = ("call", "stream")
_FEWEST = 3
"""Frames are timed at least, however long they take."""


class Job(TypedDict):
    """What a runner is started with."""

    program: str
    """File of the program."""
    size: Sequence[int]
    """(width, height) of the frames."""
    scale: int
    """How many times larger the pictures are than the frames."""
    threads: int
    clip: str
    """.npy file: uint8 `(n, h, w, 3)` RGB."""
    picture: str
    """.npy file to write the first picture to, RGB."""
    packages: Sequence[str]
    """Whose versions are reported."""
    settings: dict[str, Any]
    """For the program."""


class Program(TypedDict, total=False):
    """What `open_program(job)` returns. `about` and `call` are always there."""

    about: str
    """What it runs on and in, for the table: `OpenVINO bf16`."""
    call: Callable[[Frame], Frame]
    """The whole way from a frame in memory to a picture in memory."""
    stream: Run
    """The program's own way with a clip; without it, `call` for one frame after the other is all there is."""
    bgr: Sequence[str]
    """Those of `call` and `stream` that take and give BGR."""


def main(job: Job) -> None:
    """Open the program, then answer requests until stdin ends."""
    sys.path[:] = [folder for folder in sys.path if folder != str(Path(__file__).parent)]  # its files hide no package
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the program's libraries print must not get among the answers

    def answer(**what: object) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    try:
        _keep_to_cores(job["threads"])
        program, frames = _opened(job)
        ways = [way for way in _WAYS if way in program]
        answer(ready={"about": program["about"], "ways": ways, "versions": _versions(job["packages"])})
        for line in sys.stdin:
            answer(done=_timed(program, frames, json.loads(line)))
    except Exception as error:
        answer(failed=_reason(error))


def _keep_to_cores(threads: int) -> None:
    """All threads of this process stay on so many cores, also those of programs that offer no setting for it."""
    if hasattr(os, "sched_setaffinity"):  # Linux
        cores = sorted(os.sched_getaffinity(0))
        if threads < len(cores):
            os.sched_setaffinity(0, cores[:threads])


def _opened(job: Job) -> tuple[Program, dict[str, list[Frame]]]:
    """The program, which has painted one frame as it should, and the clip for each of its ways."""
    import numpy as np  # noqa: PLC0415 (starts threads, which stay on the cores that are set by now)

    spec = importlib.util.spec_from_file_location("peer_program", job["program"])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    program: Program = module.open_program(job)
    clip = list(np.load(job["clip"]))
    turned = [np.ascontiguousarray(frame[..., ::-1]) for frame in clip]
    bgr = program.get("bgr", ())
    frames = {way: turned if way in bgr else clip for way in _WAYS}
    picture = program["call"](frames["call"][0])
    width, height = (side * job["scale"] for side in job["size"])
    if picture.shape != (height, width, 3) or picture.dtype != np.uint8:
        raise ValueError(f"expected a picture as uint8 {(height, width, 3)}, got {picture.dtype} {picture.shape}")
    np.save(job["picture"], picture[..., ::-1] if "call" in bgr else picture)
    return program, frames


def _timed(program: Program, frames: dict[str, list[Frame]], request: dict[str, Any]) -> dict[str, float]:
    """Frames per second from the last frame of the warm-up to the last of all: at most `frames`, or for `most_s`."""
    way, warm_up = request["way"], request["warm_up"]
    run: Run = program["stream"] if way == "stream" else _calls(program)
    began, given = time.perf_counter(), 0
    done_at: list[float] = []

    def fed() -> Iterator[Frame]:
        nonlocal given
        for frame in itertools.cycle(frames[way]):
            late = time.perf_counter() - began > request["most_s"]
            if given == warm_up + request["frames"] or (late and given >= warm_up + _FEWEST):
                return
            given += 1
            yield frame

    def sink(picture: Frame) -> None:
        del picture
        done_at.append(time.perf_counter())

    run(fed(), sink)
    if len(done_at) != given:
        raise ValueError(f"expected {given} pictures, got {len(done_at)}")
    counted = given - warm_up
    return {"fps": counted / (done_at[-1] - done_at[warm_up - 1]), "frames": counted}


def _calls(program: Program) -> Run:
    def run(frames: Iterator[Frame], sink: Sink) -> None:
        for frame in frames:
            sink(program["call"](frame))

    return run


def _versions(packages: Any) -> dict[str, str]:
    found = {}
    for package in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):  # rtstyle runs from a checkout as well
            found[package] = metadata.version(package)
    return found


def _reason(error: Exception) -> str:
    """One line; an error without words says what it is, and so does one of a kind that often has few."""
    kind = "" if isinstance(error, RuntimeError) and str(error) else f"{type(error).__name__}: "
    return " ".join(f"{kind}{error}".split())


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
