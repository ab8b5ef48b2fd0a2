"""A small MP4 writer for live pictures: H.264 at a variable rate, every picture at the time it was taken."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from engines.contract import Picture
from engines.errors import BadInputError, OutputError
from realtime.live.fit import fit
from realtime.video.encoders import CODECS, check_size

__all__ = ["LiveWriter", "check_target"]

_TIME_BASE = Fraction(1, 90_000)


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


def _check_size(path: Path, size: tuple[int, int]) -> None:
    try:
        check_size(CODECS["h264"], size)
    except BadInputError as error:
        raise OutputError(f"{path}: cannot be recorded: {error}") from error


def _even(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    if not (height % 2 or width % 2):
        return picture
    return np.asarray(cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8)
