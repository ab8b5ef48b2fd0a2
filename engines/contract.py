"""The contract that every engine keeps, and the base class that engines share.

An engine is a net made ready for one picture size on one backend. The base class checks what it is given, pads frames
to the net's size multiple, and keeps the ring of frames in flight.
"""

from __future__ import annotations

import math
import threading
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.errors import BackendError, BadInputError
from engines.lifecycle import Closing
from engines.net_file import NetSpec

__all__ = [
    "Engine",
    "EngineOptions",
    "EngineSpec",
    "PRECISIONS",
    "Picture",
    "RingEngine",
    "SMALLEST_SIDE",
    "StyleVector",
    "padded_size",
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
    """How an engine is to be made; None leaves a choice to the backend."""

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


def padded_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """Round (width, height) up to multiples. Raises BadInputError below 16x16."""
    width, height = size
    if min(size) < SMALLEST_SIDE:
        raise BadInputError(
            f"pictures are at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, got {width}x{height}: enlarge it first"
        )
    return math.ceil(width / multiple) * multiple, math.ceil(height / multiple) * multiple


class RingEngine(Closing):
    """An Engine over slots that are used in turn. Subclasses move one slot through their device.

    Slot s owns `_frames[s]`, uint8 `(1, H, W, 3)` of the padded size, and `_styles[s]`, float32 `(1, D)`.
    """

    def __init__(self, spec: EngineSpec, depth: int) -> None:
        self.spec, self.depth = spec, depth
        width, height = padded_size(spec.size, spec.net.size_multiple)
        self._frames, self._styles = self._allocate(depth, (1, height, width, 3), (1, max(1, spec.net.style_length)))
        self._padded_output = (height * spec.net.scale, width * spec.net.scale, 3)
        self._next = 0
        self._in_flight = 0
        self._closed = False

    def _allocate(
        self, depth: int, frame: tuple[int, ...], style: tuple[int, ...]
    ) -> tuple[list[Picture], list[StyleVector]]:
        """The slots' input memory. Overridden where it must be pinned."""
        return [np.zeros(frame, np.uint8) for _ in range(depth)], [np.zeros(style, np.float32) for _ in range(depth)]

    @abstractmethod
    def _start(self, slot: int) -> None:
        """Start the device on a filled slot and return at once."""

    @abstractmethod
    def _finish(self, slot: int) -> Picture:
        """Wait for a started slot; returns uint8 `(H * scale, W * scale, 3)`, valid until the slot is started again."""

    @abstractmethod
    def _release(self) -> None:
        """Give back the device. Called once, with nothing in flight."""

    def submit(self, frame: Picture, style: StyleVector | None = None) -> None:
        if self._closed:
            raise RuntimeError("the engine is closed")
        if self._in_flight == self.depth:
            raise RuntimeError(f"{self.depth} frames are in flight already: collect one first")
        self._check(frame, style)
        slot = self._next
        _copy_padded(frame, self._frames[slot][0])
        if style is not None:
            self._styles[slot][0] = style
        self._start(slot)
        self._next = (slot + 1) % self.depth
        self._in_flight += 1

    def collect(self, out: Picture | None = None) -> Picture:
        if not self._in_flight:
            raise RuntimeError("nothing is in flight: submit a frame first")
        width, height = self.spec.output_size
        if out is None:
            out = np.empty((height, width, 3), np.uint8)
        else:
            _check_array("out", out, (height, width, 3), np.uint8)
        slot = (self._next - self._in_flight) % self.depth
        self._in_flight -= 1
        picture = self._finish(slot)
        if picture.shape != self._padded_output:
            raise BackendError(
                f"net {self.spec.net.name} gave a picture of {picture.shape}, {self._padded_output} was expected: "
                "its metadata is wrong"
            )
        np.copyto(out, picture[:height, :width])
        return out

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            while self._in_flight:
                slot = (self._next - self._in_flight) % self.depth
                self._in_flight -= 1
                self._finish(slot)
        finally:
            self._release()

    def _check(self, frame: Picture, style: StyleVector | None) -> None:
        width, height = self.spec.size
        _check_array("a frame", frame, (height, width, 3), np.uint8)
        length = self.spec.net.style_length
        if style is None:
            if length:
                raise BadInputError(f"net {self.spec.net.name} needs a style of {length} numbers, got none")
        elif not length:
            raise BadInputError(f"net {self.spec.net.name} takes no style, got one")
        else:
            _check_array("a style", style, (length,), np.float32)


def _check_array(what: str, array: object, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
        came = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise BadInputError(f"expected {what} as {np.dtype(dtype)} {shape}, got {came}")


def _copy_padded(frame: Picture, slot: Picture) -> None:
    """Copy `(h, w, 3)` into the larger `(H, W, 3)`, mirrored at the right and lower edge (edge pixel not repeated)."""
    height, width = frame.shape[:2]
    slot[:height, :width] = frame
    if slot.shape[1] > width:
        slot[:height, width:] = frame[:, _mirrored(width, slot.shape[1])]
    if slot.shape[0] > height:
        slot[height:] = slot[_mirrored(height, slot.shape[0])]


def _mirrored(length: int, padded: int) -> NDArray[np.intp]:
    """The positions below `length` that are seen at `length..padded - 1`; the mirror may turn back several times."""
    return np.pad(np.arange(length), (0, padded - length), mode="reflect")[length:]
