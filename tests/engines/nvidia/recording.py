"""A CUDA module that writes down what it is asked, moves data as late as is allowed, and keeps a clock.

Data: work in a stream is done when someone waits for it, and no more of it than was waited for, so a missing wait or
a buffer that is filled too early gives a wrong picture. Clock: every copy and launch takes its time on one of three
units (copy in, compute, copy out) that work side by side, as on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.errors import BackendError

__all__ = ["RecordingCuda"]


@dataclass(eq=False)
class Buffer:
    nbytes: int
    name: str
    address: int = 0
    content: bytes = b""


@dataclass(eq=False)
class Event:
    cuda: RecordingCuda
    name: str
    stream: Stream | None = None
    until: int = 0
    at_ms: float = 0.0

    def synchronize(self) -> None:
        self.cuda.log.append(f"host waits {self.name}")
        if self.stream is not None:
            self.stream.run(self.until)
        self.cuda.now_ms = max(self.cuda.now_ms, self.at_ms)

    def ms_since(self, earlier: Event) -> float:
        return self.at_ms - earlier.at_ms


@dataclass(eq=False)
class Stream:
    cuda: RecordingCuda
    name: str
    handle: int = 0
    free_at_ms: float = 0.0
    done: int = 0
    queue: list[Callable[[], None]] = field(default_factory=list)

    def run(self, until: int) -> None:
        while self.done < until:
            self.done += 1
            self.queue[self.done - 1]()

    def add(self, unit: str, what: str, work: Callable[[], None]) -> None:
        self.cuda.log.append(f"{self.name} {what}")
        if self.cuda.fails_at == f"{self.name} {what}":
            raise BackendError("the GPU was lost")
        start = max(self.free_at_ms, self.cuda.now_ms, self.cuda.unit_free_ms[unit])
        self.free_at_ms = self.cuda.unit_free_ms[unit] = start + self.cuda.takes_ms[unit]
        self.queue.append(work)

    def copy_in(self, to: Buffer, source: NDArray[np.generic]) -> None:
        def work() -> None:
            to.content = source.tobytes()

        self.add("in", "copies in", work)

    def copy_out(self, to: NDArray[np.generic], source: Buffer) -> None:
        def work() -> None:
            to[...] = np.frombuffer(source.content, to.dtype).reshape(to.shape)

        self.add("out", "copies out", work)

    def compute(self, work: Callable[[], None]) -> None:
        self.add("compute", "computes", work)

    def record(self, event: Event) -> None:
        self.cuda.log.append(f"{self.name} records {event.name}")
        event.stream, event.until, event.at_ms = self, len(self.queue), max(self.free_at_ms, self.cuda.now_ms)

    def wait(self, event: Event) -> None:
        self.cuda.log.append(f"{self.name} waits {event.name}")
        other, until = event.stream, event.until
        if other is not None:
            self.queue.append(lambda: other.run(until))
            self.free_at_ms = max(self.free_at_ms, event.at_ms)

    def capture(self, work: Callable[[], None]) -> None:
        del work

    def synchronize(self) -> None:
        self.run(len(self.queue))


class RecordingCuda:
    binding = "recording"

    def __init__(self, *, copy_in_ms: float = 1.0, compute_ms: float = 1.0, copy_out_ms: float = 1.0) -> None:
        self.log: list[str] = []
        self.now_ms = 0.0
        self.takes_ms = {"in": copy_in_ms, "compute": compute_ms, "out": copy_out_ms}
        self.unit_free_ms = {"in": 0.0, "compute": 0.0, "out": 0.0}
        self.fails_at: str | None = None
        self.closed = 0
        self._made = {"s": 0, "e": 0, "b": 0}

    def make_current(self) -> None:
        pass

    def pinned(self, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[np.generic]:
        return np.zeros(shape, dtype)

    def device(self, nbytes: int) -> Buffer:
        return Buffer(nbytes, self._name("b"))

    def stream(self) -> Stream:
        return Stream(self, self._name("s"))

    def event(self) -> Event:
        return Event(self, self._name("e"))

    def close(self) -> None:
        self.closed += 1

    def _name(self, kind: str) -> str:
        self._made[kind] += 1
        return f"{kind}{self._made[kind] - 1}"
