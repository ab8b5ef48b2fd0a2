"""Where live frames come from: what a source's text means, and every source but cameras (realtime.live.cameras).

>>> source = open_source("rtsp://me:secret@cam/h264")
>>> source.name
'rtsp://cam/h264'
>>> frame = source.read()

A new source is one class with the members of `realtime.live.frame.Source`, and a line in `open_source`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engines.contract import Picture
from engines.errors import BadInputError, SourceError
from realtime.live.cameras import CameraSource, cure_for_no_camera
from realtime.live.frame import EndOfSource, LiveFrame, Source, Timing, plausible_rate
from realtime.stats import now_ns

__all__ = ["MediaSource", "PATTERN", "PatternSource", "SourceKind", "open_source", "public_name", "source_kind"]

PATTERN = "test-pattern"
"""The name of a source that needs nothing."""
SourceKind = Literal["device", "file", "pattern", "stream"]

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://(.*)", re.DOTALL)
_PATTERN_SIZE = (640, 480)
_PERIOD = 256
_OPEN_TIMEOUT_S = 5.0
_MOST_PACKETS = 1000
_LIVE = {
    "flags": "low_delay",
    "rtsp_transport": "tcp",  # lost UDP packets smear the picture
    "probesize": "1000000",
    "analyzeduration": "1000000",
}
_CLOCKLESS = ("mpjpeg", "image2pipe", "jpeg_pipe", "mjpeg")
"""Formats without timestamps, for which FFmpeg counts frames instead: such a clock would say nothing."""


def open_source(
    source: str,
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    loop: bool = False,
    stall_s: float = 5.0,
) -> Source:
    """Open what `source` names; the options are those of `realtime.live.session.CamOptions`.

    Raises SourceError, or BadInputError for options that the source cannot obey.
    """
    kind = source_kind(source)
    if fps is not None and kind in ("file", "stream"):
        raise BadInputError(f"{public_name(source)} has its own rate", hint="leave `fps` out")
    if loop and kind != "file":
        raise BadInputError(f"only a file can be looped, got {public_name(source)}", hint="leave `loop` out")
    if kind == "pattern":
        return PatternSource(size or _PATTERN_SIZE, fps=fps)
    if kind == "device":
        return CameraSource(source, size=size, fps=fps)
    if kind == "file" and not Path(source).is_file():
        raise SourceError(f"{source}: no such file; {cure_for_no_camera()}")
    return MediaSource(source, stall_s=stall_s)


def source_kind(source: str) -> SourceKind:
    """`device` for an index or a path under /dev, `stream` for an address, `pattern`, or else `file`."""
    if source == PATTERN:
        return "pattern"
    if source.isascii() and source.isdigit():
        return "device"
    if _SCHEME.fullmatch(source):
        return "stream"
    return "device" if source.startswith("/dev/") else "file"


def public_name(source: str) -> str:
    """The source without anything that could be a password: user names, queries and fragments are left out.

    A password may hold any character. Where an `@` stands behind a `?` or a `#`, it cannot be told which part is
    which, and nothing of the address is shown.
    """
    match = _SCHEME.fullmatch(source)
    if not match:
        return source
    scheme, rest = match.groups()
    plain = re.split(r"[?#]", rest, maxsplit=1)[0]
    if "@" in rest[len(plain) :]:
        return f"{scheme}://..."
    return f"{scheme}://{plain.rpartition('@')[2]}"


class PatternSource:
    """Coloured stripes and discs that drift to the upper left, one pixel and two a frame; no two neighbours are alike.

    Everything is drawn once: a frame costs one copy, so that the painting can be measured with it.
    """

    name = "test-pattern"

    def __init__(self, size: tuple[int, int], *, fps: float | None = None) -> None:
        """`size` is (width, height). With `fps` the frames are due at that rate, else whenever one is wanted."""
        self.timing: Timing = "demand" if fps is None else "paced"
        self.rate = fps
        self._size, self._fps = size, fps
        self._sheet = _sheet(size[0] + _PERIOD, size[1] + _PERIOD)
        self._number = 0

    def read(self) -> LiveFrame:
        captured_ns = now_ns()
        left, top = 2 * self._number % _PERIOD, self._number % _PERIOD
        width, height = self._size
        picture = self._sheet[top : top + height, left : left + width].copy()
        clock_s = None if self._fps is None else self._number / self._fps
        self._number += 1
        return LiveFrame(picture=picture, captured_ns=captured_ns, clock_s=clock_s)

    def rewind(self) -> None:
        self._number = 0

    def close(self) -> None:
        """Nothing to give back."""


def _sheet(width: int, height: int) -> Picture:
    """uint8 `(height, width, 3)` RGB that repeats itself every `_PERIOD` pixels both ways."""
    y, x = np.mgrid[0:_PERIOD, 0:_PERIOD] * (2 * np.pi / _PERIOD)
    waves = (np.sin(x + y), np.sin(2 * x - y + 2), np.sin(x - 2 * y + 4))
    tile = np.stack([128 + 100 * wave for wave in waves], axis=-1).astype(np.uint8)
    for centre, radius, color in (
        ((72, 80), 40, (240, 200, 60)),
        ((180, 60), 24, (30, 60, 160)),
        ((168, 176), 56, (200, 50, 60)),
    ):
        cv2.circle(tile, centre, radius, color, -1, cv2.LINE_AA)
        cv2.circle(tile, centre, radius, (20, 20, 20), 3, cv2.LINE_AA)
    repeats = (-(-height // _PERIOD), -(-width // _PERIOD), 1)
    return np.ascontiguousarray(np.tile(tile, repeats)[:height, :width])


class MediaSource:
    """The first video stream of a file, or of an address.

    A recording is paced, whether it is here or behind an address; what has no duration behind an address is live.
    """

    def __init__(self, source: str, *, stall_s: float) -> None:
        """Waits up to 5 s for an address, and `stall_s` for each frame of it. Raises SourceError."""
        self.name = public_name(source)
        self._is_file = source_kind(source) == "file"
        try:
            if self._is_file:
                self._container = av.open(source)
            else:
                self._container = av.open(source, timeout=(_OPEN_TIMEOUT_S, stall_s), options=_LIVE)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._failed("cannot be opened", error) from None  # the cause's text holds the whole address
        if not self._container.streams.video:
            self._container.close()
            raise SourceError(f"{self.name}: expected a video, found no picture in it")
        self._stream: VideoStream = self._container.streams.video[0]
        recording = self._container.duration is not None and self._container.duration > 0
        self.timing: Timing = "paced" if self._is_file or recording else "live"
        self._has_clock = self._container.format.name not in _CLOCKLESS
        stated = self._stream.average_rate or self._stream.guessed_rate
        self.rate = plausible_rate(float(stated)) if stated and self._has_clock else None  # else it is made up, too
        self._decoded: list[VideoFrame] = []
        self._arrived_ns = 0
        self._packets = self._container.demux(self._stream)
        self._ended = False

    def read(self) -> LiveFrame:
        while not self._decoded:
            self._decode_more()
        frame = self._decoded.pop(0)
        clock_s = frame.time if self._has_clock or self.timing == "paced" else None
        if clock_s is None and self.timing == "paced":
            raise SourceError(f"{self.name}: a frame has no timestamp, so it cannot be played at its own rate")
        return LiveFrame(picture=_picture(frame), captured_ns=self._arrived_ns, clock_s=clock_s)

    def rewind(self) -> None:
        try:
            self._container.seek(0)
        except av.FFmpegError as error:
            raise self._failed("cannot start again", error) from None
        self._decoded.clear()
        self._packets = self._container.demux(self._stream)
        self._ended = False

    def close(self) -> None:
        self._container.close()

    def _decode_more(self) -> None:
        """Decode packets until there is a frame; single damaged ones are left out."""
        for _ in range(_MOST_PACKETS):
            if self._ended:
                raise EndOfSource if self.timing == "paced" else SourceError(f"{self.name}: the stream has ended")
            try:
                packet = next(self._packets, None)
                self._arrived_ns = now_ns()
                if packet is None:
                    self._ended = True
                    continue
                self._decoded.extend(packet.decode())
            except av.InvalidDataError:
                continue
            except av.EOFError:
                self._ended = True
            except (av.FFmpegError, OSError) as error:
                raise self._failed("cannot be read any further", error) from None
            if self._decoded:
                return
        raise SourceError(f"{self.name}: {_MOST_PACKETS} packets in a row hold no picture that can be decoded")

    def _failed(self, what: str, error: Exception) -> SourceError:
        if isinstance(error, av.error.ExitError):
            reason = "nothing came in time"
        elif isinstance(error, av.InvalidDataError):
            reason = "expected a video, and it holds none that can be read"
        else:
            reason = getattr(error, "strerror", None) or type(error).__name__
        return SourceError(f"{self.name} {what}: {reason}")


def _picture(frame: VideoFrame) -> Picture:
    """uint8 `(h, w, 3)` RGB, upright; matrix and range are those that the frame names."""
    picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    turns = round(frame.rotation / 90) % 4
    return picture if not turns else np.ascontiguousarray(np.rot90(picture, turns))
