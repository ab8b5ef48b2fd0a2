"""Streams and files through PyAV: timestamps, time limits and errors that OpenCV does not pass on."""

from __future__ import annotations

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engines.contract import Picture
from engines.errors import SourceError
from realtime.live.address import public_name, source_kind
from realtime.live.source import EndOfSource, Grab, Timing, plausible_rate
from realtime.stats import now_ns

__all__ = ["MediaSource"]

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

    def read(self) -> Grab:
        while not self._decoded:
            self._decode_more()
        frame = self._decoded.pop(0)
        clock_s = frame.time if self._has_clock or self.timing == "paced" else None
        if clock_s is None and self.timing == "paced":
            raise SourceError(f"{self.name}: a frame has no timestamp, so it cannot be played at its own rate")
        return Grab(picture=_picture(frame), captured_ns=self._arrived_ns, clock_s=clock_s)

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
