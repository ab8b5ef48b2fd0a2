"""The thread that owns the encoder: records what is painted, without ever holding up the picture."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

from engines.errors import OutputError
from realtime.live.h264 import LiveWriter
from realtime.live.paint import Painted
from realtime.stats import now_ns

__all__ = ["Recorder"]

_WAITING_FRAMES = 16
_STOP = object()


class Recorder:
    """Records on and off. `work` runs in its own thread; all other methods may be called from any.

    Up to 16 pictures wait for the encoder; when it falls behind by more, new ones are dropped and counted.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        """`size` is (width, height) of the pictures."""
        self.frames = self.dropped = 0
        """Of all recordings together."""
        self.paths: deque[Path] = deque(maxlen=100)
        """The newest finished files."""
        self.error: OutputError | None = None
        """Why the last recording ended early; whoever reports it sets it to None."""
        self.began_ns: int | None = None
        """When the recording that is running began."""
        self._size = size
        self._orders: deque[LiveWriter | Painted | object] = deque()
        self._waiting = 0
        self._closed = False
        self._changed = threading.Condition()  # guards all of the above that is private

    def start(self, path: Path, *, replace: bool = False) -> None:
        """Begin a file. Raises OutputError where that cannot be done."""
        writer = LiveWriter(path, self._size, replace=replace)
        self._put(writer)
        self.began_ns = now_ns()

    def stop(self) -> None:
        """Finish the file, which takes its thread a moment."""
        self.began_ns = None
        self._put(_STOP)

    def offer(self, painted: Painted) -> None:
        """Record a picture if a recording runs. Never waits."""
        if self.began_ns is None or painted.again:
            return
        with self._changed:
            if self._waiting >= _WAITING_FRAMES:
                self.dropped += 1
                return
            self._waiting += 1
            self._orders.append(painted)
            self._changed.notify_all()

    def close(self) -> None:
        """Let the thread finish what is waiting, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def work(self) -> None:
        writer: LiveWriter | None = None
        try:
            while (order := self._next()) is not None:
                if isinstance(order, Painted):
                    writer = self._write(writer, order)
                else:
                    self._finish(writer)
                    writer = order if isinstance(order, LiveWriter) else None
        finally:
            self._finish(writer)

    def _put(self, order: LiveWriter | object) -> None:
        with self._changed:
            self._orders.append(order)
            self._changed.notify_all()

    def _next(self) -> LiveWriter | Painted | object | None:
        with self._changed:
            self._changed.wait_for(lambda: self._orders or self._closed)
            if not self._orders:
                return None
            order = self._orders.popleft()
            if isinstance(order, Painted):
                self._waiting -= 1
            return order

    def _write(self, writer: LiveWriter | None, painted: Painted) -> LiveWriter | None:
        if writer is None:
            return None
        try:
            writer.write(painted.picture, painted.frame.captured_ns)
        except OutputError as error:
            self.began_ns, self.error = None, error
            writer.abandon()
            return None
        self.frames += 1
        return writer

    def _finish(self, writer: LiveWriter | None) -> None:
        if writer is None:
            return
        try:
            writer.close()
        except OutputError as error:
            self.error = error
            return
        if writer.frames:
            self.paths.append(writer.path)
