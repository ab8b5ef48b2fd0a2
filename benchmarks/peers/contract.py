"""What `runner.py` and the files in programs/ agree on: names for the type checker, nothing that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

__all__ = ["Frame", "Job", "Program", "Run", "Sink"]

Frame = NDArray[np.uint8]
"""uint8 `(h, w, 3)`: RGB, or BGR where the program says so."""
Sink = Callable[[Frame], None]
"""Takes a picture that is done and drops it."""
Run = Callable[[Iterator[Frame], Sink], object]
"""Takes frames until there are no more, and gives a picture for each to the sink, in order."""


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
    """Whose versions are to be told."""
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
