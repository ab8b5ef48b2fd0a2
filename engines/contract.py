"""The contract of every engine: a net, made ready for one picture size on one backend."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInputError
from engines.net_file import NetSpec

__all__ = [
    "Engine",
    "EngineOptions",
    "EngineSpec",
    "PRECISIONS",
    "Picture",
    "SMALLEST_SIDE",
    "StyleVector",
]

Picture = NDArray[np.uint8]
"""uint8 `(h, w, 3)`, RGB."""
StyleVector = NDArray[np.float32]
"""float32 `(style_length,)`."""

PRECISIONS = ("f32", "bf16", "f16", "int8")
"""int8: the large convolutions in 8 bits, what lies between them in bf16 or f32; for nets with scales for it."""
SMALLEST_SIDE = 16


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How an engine is to be made. None leaves the choice to the backend."""

    precision: str | None = None
    """One of PRECISIONS. One that the device cannot do is an error, never replaced by another."""
    depth: int = 2
    """Frames that may be in flight, 1 to 8."""
    throughput: bool = False
    """Only frames per second count, not how long one takes: the backend may work on several at once, and then have
    more than `depth` in flight."""
    threads: int | None = None
    """CPU threads."""
    cache: Path | None = None
    """Folder for compiled nets; None: none are kept."""
    cancelled: threading.Event | None = None
    """Set by the caller to stop a build that takes long: making the engine then raises BackendError."""

    def __post_init__(self) -> None:
        if self.precision is not None and self.precision not in PRECISIONS:
            raise BadInputError(f"precision is one of {', '.join(PRECISIONS)}, got {self.precision!r}")
        if not 1 <= self.depth <= 8:
            raise BadInputError(f"an engine has 1 to 8 frames in flight, got {self.depth}")
        if self.threads is not None and self.threads < 1:
            raise BadInputError(f"an engine needs at least one thread, got {self.threads}")


@dataclass(frozen=True, kw_only=True)
class EngineSpec:
    """What an engine is: fixed when it is made."""

    net: NetSpec
    size: tuple[int, int]
    """(width, height) of the frames that go in: any size from 16x16 up."""
    backend: str
    device: str
    """The device in the vendor's words."""
    precision: str
    """One of PRECISIONS."""

    @property
    def output_size(self) -> tuple[int, int]:
        """(width, height) of the pictures that come out."""
        return self.size[0] * self.net.scale, self.size[1] * self.net.scale


class Engine(Protocol):
    """Frames in, pictures out, in order, with up to `depth` of them in flight.

    `submit` and `collect` belong to one thread. `close` may be called twice, waits for what is in flight, and is called
    by the `with` statement that every owner of an engine uses.
    """

    spec: EngineSpec
    depth: int

    def submit(self, frame: Picture, style: StyleVector | None = None) -> None:
        """Start on a frame, uint8 `(h, w, 3)` RGB of exactly `spec.size`; both arrays are copied before the return.

        `style` is float32 `(style_length,)`, and None for a net without styles. Raises BadInputError for anything
        else, RuntimeError with `depth` frames already in flight or after `close`, BackendError if the device fails.
        """

    def collect(self, out: Picture | None = None) -> Picture:
        """Wait for the oldest frame in flight and return its picture, uint8 `(h * scale, w * scale, 3)` RGB.

        The array is `out` or a new one: it belongs to the caller. Raises RuntimeError with nothing in flight,
        BackendError if the device fails.
        """

    def close(self) -> None:
        """Give back the device's memory."""

    def __enter__(self) -> Engine: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
