"""Recordings and snapshots of what is painted: H.264 in MP4 with every picture at the time it was taken, and PNG."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from engines.contract import Picture
from engines.errors import BadInputError, OutputError
from realtime.live.controls import Request
from realtime.live.frame import LiveFrame, fit
from realtime.stats import now_ns
from realtime.video.encoders import CODECS, check_size

__all__ = ["LiveWriter", "Recorder", "check_target", "free_path", "save_snapshot"]

_MOST_TRIES = 1000
_STOP = object()
_WAITING_FRAMES = 16
_TIME_BASE = Fraction(1, 90_000)


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
        self._orders: deque[LiveWriter | LiveFrame | object] = deque()
        self._waiting = 0
        self._closed = False
        self._changed = threading.Condition()  # guards all of the above that is private

    def start(self, path: Path, *, replace: bool = False, required: bool = False) -> None:
        """Begin a file. Raises OutputError where that cannot be done.

        required: until a recording is complete, one that fails ends the run.
        """
        writer = LiveWriter(path, self._size, replace=replace)
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
        writer: LiveWriter | None = None
        try:
            while self._fatal is None and (order := self._next()) is not None:
                if isinstance(order, LiveFrame):
                    writer = self._write(writer, order)
                else:
                    self._finish(writer)
                    writer = order if isinstance(order, LiveWriter) else None
        finally:
            self._finish(writer)
        if self._fatal is not None:
            raise self._fatal

    def _put(self, order: LiveWriter | object) -> None:
        with self._changed:
            self._orders.append(order)
            self._changed.notify_all()

    def _next(self) -> LiveWriter | LiveFrame | object | None:
        with self._changed:
            self._changed.wait_for(lambda: self._orders or self._closed)
            if not self._orders:
                return None
            order = self._orders.popleft()
            if isinstance(order, LiveFrame):
                self._waiting -= 1
            return order

    def _write(self, writer: LiveWriter | None, frame: LiveFrame) -> LiveWriter | None:
        if writer is None:
            return None
        try:
            writer.write(frame.result, frame.captured_ns)
        except OutputError as error:
            self.began_ns = None
            writer.abandon()
            self._failed(error)
            return None
        self.frames += 1
        return writer

    def _finish(self, writer: LiveWriter | None) -> None:
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


class LiveWriter:
    """Writes under a temporary name beside `path`, which appears when `close` has made it complete.

    The temporary file is playable at any moment, up to the last second or two: a killed process or a full disk loses
    no more. B-frames are left out: they would need an edit list, which a file that grows cannot have.
    """

    def __init__(self, path: Path, size: tuple[int, int], *, replace: bool) -> None:
        """`size` is (width, height); an odd side gets one more line, which 4:2:0 needs. Raises OutputError."""
        check_target(path, replace=replace)
        _check_size(path, size)
        self.path, self._size, self._replace = path, size, replace
        self.frames = 0
        self.temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
        self._last_ticks = -1
        self._began_ns: int | None = None
        self._closed = False
        try:
            self._container = av.open(
                os.fspath(self.temporary),
                "w",
                format="mp4",
                options={"movflags": "hybrid_fragmented", "flush_packets": "1"},
            )
            self._stream = self._container.add_stream(
                "libx264", rate=30, options={"preset": "veryfast", "crf": "20", "bf": "0", "g": "60"}
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._failed(error) from error
        context = self._stream.codec_context
        context.width, context.height = size[0] + size[0] % 2, size[1] + size[1] % 2
        context.pix_fmt = "yuv420p"
        context.time_base = self._stream.time_base = _TIME_BASE
        context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
        context.color_primaries = context.color_trc = 1  # BT.709, as the matrix

    def write(self, picture: Picture, stamp_ns: int) -> None:
        """Add a uint8 `(h, w, 3)` RGB picture taken at `stamp_ns`; the first is at time 0. Raises OutputError.

        A picture of another size is fitted. One that is not later than the last is moved on by 1/90000 s.
        """
        if self._began_ns is None:
            self._began_ns = stamp_ns
        ticks = round((stamp_ns - self._began_ns) * _TIME_BASE.denominator / 1e9)
        ticks = max(ticks, self._last_ticks + 1)
        frame = av.VideoFrame.from_ndarray(_even(fit(picture, self._size)), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
        frame.pts, frame.time_base = ticks, _TIME_BASE
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        self._last_ticks = ticks
        self.frames += 1

    def close(self) -> None:
        """Finish the file and give it its name; without a picture there is none. May be called twice."""
        if self._closed:
            return
        self._closed = True
        try:
            if self.frames:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            if self.frames and self.path.exists() and not self._replace:
                raise OutputError(f"{self.path} came into being meanwhile: the recording is {self.temporary}")
            if self.frames:
                os.replace(self.temporary, self.path)
            self.temporary.unlink(missing_ok=True)
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def abandon(self) -> None:
        """After an error: keep what can be played under the temporary name, without another error."""
        self._closed = True
        with contextlib.suppress(av.FFmpegError, OSError):
            self._container.close()

    def _failed(self, error: Exception) -> OutputError:
        reason = getattr(error, "strerror", None) or type(error).__name__
        kept = f"; what was recorded is in {self.temporary}" if getattr(self, "frames", 0) else ""
        return OutputError(f"{self.path}: cannot be recorded: {reason}{kept}")


def check_target(path: Path, *, replace: bool) -> None:
    """Raise OutputError where a recording could not get the name `path`."""
    if path.suffix.lower() != ".mp4":
        raise OutputError(f"a recording is an .mp4 file, got {path}")
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file in it")
    if path.exists() and not replace:
        raise OutputError(f"{path} exists already", hint="choose another name, or pass `overwrite` to replace it")
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent}: no such folder: make it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent}: this folder cannot be written to")


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


def _check_size(path: Path, size: tuple[int, int]) -> None:
    try:
        check_size(CODECS["h264"], size)
    except BadInputError as error:
        raise OutputError(f"{path}: cannot be recorded: {error}", hint=error.hint) from error


def _even(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    if not (height % 2 or width % 2):
        return picture
    return np.asarray(cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8)
