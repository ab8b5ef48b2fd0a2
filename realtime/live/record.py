"""Recordings and snapshots of what is painted: H.264 in MP4 with every picture at the time it was taken, and PNG."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2

from engines.contract import Picture
from engines.errors import OutputError
from realtime.live.controls import Request
from realtime.live.frame import LiveFrame, fit
from realtime.stats import now_ns
from realtime.video.writer import RecordingWriter

__all__ = ["Recorder", "free_path", "save_snapshot"]

_MOST_TRIES = 1000
_STOP = object()
_WAITING_FRAMES = 16


class Recorder:
    """A sink that records on and off, without ever holding up the picture.

    Up to 16 pictures wait for the encoder; when it falls behind by more, new ones are dropped and counted.
    """

    name = "record"

    def __init__(self, size: tuple[int, int], *, folder: Path, tell: Callable[[OutputError], None]) -> None:
        """`size` is (width, height) of the pictures.

        folder: where recordings that the viewer asks for go. tell: why one of these has ended early, from any thread.
        """
        self.frames = self.dropped = 0
        """Of all recordings together."""
        self.paths: deque[Path] = deque(maxlen=100)
        """The newest finished files."""
        self.began_ns: int | None = None
        """When the recording that is running began."""
        self._size, self._folder, self._tell = size, folder, tell
        self._required = False
        self._fatal: OutputError | None = None
        self._orders: deque[RecordingWriter | LiveFrame | object] = deque()
        self._waiting = 0
        self._closed = False
        self._changed = threading.Condition()  # guards all of the above that is private

    def start(self, path: Path, *, replace: bool = False, required: bool = False) -> None:
        """Begin a file. Raises OutputError where that cannot be done.

        required: until a recording is complete, one that fails ends the run.
        """
        writer = RecordingWriter(path, self._size, replace=replace)
        self._required |= required
        self._put(writer)
        self.began_ns = now_ns()

    def stop(self) -> None:
        """Finish the file, which takes its thread a moment."""
        self.began_ns = None
        self._put(_STOP)

    def offer(self, frame: LiveFrame) -> None:
        """Record a picture if a recording runs."""
        if self.began_ns is None or frame.again:
            return
        with self._changed:
            if self._closed:
                return
            if self._waiting >= _WAITING_FRAMES:
                self.dropped += 1
                return
            self._waiting += 1
            self._orders.append(frame)
            self._changed.notify_all()

    def obey(self, request: Request) -> str | None:
        """Start or stop a recording."""
        if request is not Request.RECORD:
            return None
        if self.began_ns is not None:
            self.stop()
            return "recording ended"
        path = free_path(self._folder, ".mp4")
        self.start(path)
        return f"recording {path.name}"

    def facts(self) -> dict[str, Any]:
        return {
            "recorded": [str(path) for path in self.paths],
            "recorded_frames": self.frames,
            "record_dropped": self.dropped,
        }

    def close(self) -> None:
        """Let the thread finish what is waiting, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def work(self) -> None:
        """Raises OutputError where a recording fails that is required."""
        writer: RecordingWriter | None = None
        try:
            while self._fatal is None and (order := self._next()) is not None:
                if isinstance(order, LiveFrame):
                    writer = self._write(writer, order)
                else:
                    self._finish(writer)
                    writer = order if isinstance(order, RecordingWriter) else None
        finally:
            self._finish(writer)
        if self._fatal is not None:
            raise self._fatal

    def _put(self, order: RecordingWriter | object) -> None:
        with self._changed:
            self._orders.append(order)
            self._changed.notify_all()

    def _next(self) -> RecordingWriter | LiveFrame | object | None:
        with self._changed:
            self._changed.wait_for(lambda: self._orders or self._closed)
            if not self._orders:
                return None
            order = self._orders.popleft()
            if isinstance(order, LiveFrame):
                self._waiting -= 1
            return order

    def _write(self, writer: RecordingWriter | None, frame: LiveFrame) -> RecordingWriter | None:
        if writer is None:
            return None
        try:
            writer.write(fit(frame.result, self._size), frame.captured_ns)
        except OutputError as error:
            self.began_ns = None
            writer.abandon()
            self._failed(error)
            return None
        self.frames += 1
        return writer

    def _finish(self, writer: RecordingWriter | None) -> None:
        if writer is None:
            return
        try:
            writer.close()
        except OutputError as error:
            self._failed(error)
            return
        if writer.frames:
            self.paths.append(writer.path)

    def _failed(self, error: OutputError) -> None:
        if self._required and not self.paths:
            self._fatal = error
        else:
            self._tell(error)


def free_path(folder: Path, suffix: str) -> Path:
    """`rtstyle-DATE-TIME.suffix` in `folder`, with `-2`, `-3` and so on where that is taken."""
    stem = f"rtstyle-{datetime.now():%Y%m%d-%H%M%S}"
    for number in range(1, _MOST_TRIES):
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        if not path.exists():
            return path
    raise OutputError(f"{folder}: there are {_MOST_TRIES} files called {stem} already")


def save_snapshot(picture: Picture, folder: Path) -> Path:
    """Write a uint8 `(h, w, 3)` RGB picture as PNG under a name that no file has. Raises OutputError."""
    content = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
    while True:
        path = free_path(folder, ".png")
        try:
            with path.open("xb") as file:  # another program may have taken the name meanwhile
                try:
                    file.write(content)
                except OSError:
                    path.unlink(missing_ok=True)
                    raise
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
        return path
