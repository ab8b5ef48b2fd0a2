"""Reads the frames of a video file: upright, in RGB, each with its own timestamp."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from av.container import InputContainer

from engines.contract import Picture
from engines.errors import SourceError
from realtime.stats import now_ns
from realtime.video.colour import HDR_TRANSFERS, HdrToRgb, ToRgb, colour_of
from realtime.video.decoders import EvenClock, Notice, exact, origin_of, packets_of, ticks, video_stream
from realtime.video.reader import UPRIGHT, Timeline, orientation_of, upright

__all__ = ["TimedPicture", "VideoReader"]

_SEEK_MARGINS_S = (0, 10, 60)
_MISSING_S = 0.5
_MICROSECOND = Fraction(1, 1_000_000)


@dataclass(frozen=True, kw_only=True, eq=False)
class TimedPicture:
    """A picture and when it is shown."""

    picture: Picture
    """uint8 `(h, w, 3)` RGB, upright."""
    pts: int
    """In ticks of the stream's time base; 0 is where the output starts."""
    duration: int
    """In the same ticks; 0 where the file does not say."""


class VideoReader:
    """One pass over the frames of a video from `start_s` to before `end_s`. The container stays its owner's to close.

    The first frame is decoded when the reader is made: it tells size, colours and orientation. Raises SourceError.
    """

    def __init__(
        self,
        container: InputContainer,
        path: Path,
        *,
        notice: Notice,
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self._container, self._path, self._notice = container, path, notice
        self.stream = video_stream(container, path)
        if not self.stream.codec_context.is_hwaccel:  # a GPU's decoder has nothing to share out
            self.stream.thread_type = "AUTO"
        assert self.stream.time_base is not None
        self.time_base = exact(self.stream.time_base)
        self.rate = exact(self.stream.average_rate or self.stream.guessed_rate or Fraction(25))
        self.origin_s: Fraction = origin_of(container)
        """Where the file's own clock starts, in seconds."""
        self._end_s = end_s
        self._damaged, self._packets, self._pictures, self._reached_s = 0, 0, 0, Fraction(0)
        self._from_the_start = not start_s
        self._begin_dts: int | None = None
        """Decoding time of the first packet since the beginning or the last seek."""
        self._even = "avi" in container.format.name
        self.busy_ns = self.convert_ns = 0
        """Time spent on `pictures` without its caller, and what of it went into making frames RGB and upright."""
        first, self._rest = self._begin(start_s or Fraction(0))
        self._zero = ticks(self.origin_s, self.time_base) if self._from_the_start else first[1]
        self.shift_s: Fraction = self._zero * self.time_base
        """What is taken off the file's own times, in seconds: streams that are copied along need it too."""
        self._first = first
        self._describe(first[0], size)

    def _describe(self, frame: av.VideoFrame, size: tuple[int, int] | None) -> None:
        orientation = orientation_of(frame)
        if orientation is None:
            self._notice("the display matrix is no quarter turn: ignored")
        self.orientation = orientation or UPRIGHT
        self.source_size = self.orientation.turned((frame.width, frame.height))
        self.size = size or self.source_size
        self.pixel_format = frame.format.name
        self.colour = colour_of(frame)
        self._coded_size = (frame.width, frame.height)
        raw_size = self.orientation.turned(self.size)
        self._to_rgb: ToRgb | HdrToRgb
        if self.colour.hdr:
            self._notice(f"HDR ({HDR_TRANSFERS[self.colour.transfer]}) is converted to SDR, 8 bits, BT.709")
            self._to_rgb = HdrToRgb(self.colour, raw_size)
            self.colour = self._to_rgb.target
        else:
            self._to_rgb = ToRgb(self.colour, raw_size)
            if max(c.bits for c in frame.format.components) > 8:
                self._notice(f"{self.pixel_format} is converted to 8 bits")
        if len(frame.format.components) in (2, 4) and not frame.format.has_palette:
            self._notice("the video has transparency, which is left out")
        if frame.interlaced_frame:
            self._notice("the video is interlaced: its frames are painted as they are, both fields at once")

    @property
    def sample_aspect_ratio(self) -> Fraction:
        """Width over height of one pixel of `size`: the picture keeps its shape on screen."""
        given = exact(self.stream.sample_aspect_ratio or Fraction(1))
        if self.orientation.transpose:
            given = 1 / given
        shape = given * Fraction(*self.source_size) / Fraction(*self.size)
        nearest = shape.limit_denominator(1000)
        return given if self.size == self.source_size else Fraction(1) if abs(nearest - 1) < 0.01 else nearest

    @property
    def expected_frames(self) -> int | None:
        """About how many frames will come; None if the file does not say."""
        total = self.stream.frames
        if self._from_the_start and self._end_s is None and total:
            return total
        duration_s = self._container.duration * _MICROSECOND if self._container.duration else None
        if duration_s is None:
            return None
        end_s = duration_s if self._end_s is None else min(self._end_s, duration_s)
        start_s = Fraction(0) if self._from_the_start else self.shift_s - self.origin_s
        return max(1, round((end_s - start_s) * self.rate))

    def pictures(self) -> Iterator[TimedPicture]:
        """The frames in display order. May be called once."""
        resized = False
        began_ns = now_ns()
        for frame, pts in chain([self._first], self._rest):
            if (frame.width, frame.height) != self._coded_size and not resized:
                resized = True
                self._notice(f"the frame size changes on the way: all are made {self.size[0]}x{self.size[1]}")
            decoded_ns = now_ns()
            try:
                picture = upright(self._to_rgb(frame), self.orientation)
            except (av.FFmpegError, ValueError) as error:
                raise SourceError(f"{self._path}: pixels of {frame.format.name} cannot be made RGB: {error}") from error
            timed = TimedPicture(picture=picture, pts=pts - self._zero, duration=int(frame.duration or 0))
            ready_ns = now_ns()
            self.busy_ns += ready_ns - began_ns
            self.convert_ns += ready_ns - decoded_ns
            self._pictures += 1
            yield timed
            began_ns = now_ns()
        self._timeline.report(self._notice)
        if self._damaged:
            self._notice(f"passed over damaged places: {self._damaged}")

    def missing(self) -> str | None:
        """Why the end of the file was not reached, as a text; None if it was. Call it after the last picture."""
        if self._end_s is not None:
            return None
        total = self.stream.frames
        if self._from_the_start and total and self._packets < total:
            return f"{self._pictures} of {total} frames could be read"
        if "matroska" in self._container.format.name and self._container.duration:
            duration_s = float(self._container.duration * _MICROSECOND)
            if float(self._reached_s) < duration_s - _MISSING_S:
                return f"{float(self._reached_s):.1f} of {duration_s:.1f} s could be read"
        return None

    def _begin(self, start_s: Fraction) -> tuple[tuple[av.VideoFrame, int], Iterator[tuple[av.VideoFrame, int]]]:
        """Decode up to the first frame at or after `start_s`; it and all that follow."""
        wanted = ticks(self.origin_s + start_s, self.time_base) if start_s else None
        if wanted is not None and wanted * self.time_base < self.origin_s + start_s:
            wanted += 1
        # without timestamps there is nothing to seek by: such files are read from their beginning
        for margin_s in _SEEK_MARGINS_S if wanted is not None and self.stream.start_time is not None else ():
            target = ticks(self.origin_s + start_s - margin_s, self.time_base)
            try:
                self._container.seek(target, stream=self.stream)
            except av.FFmpegError:
                break
            frames = self._timed()
            first = next(frames, None)
            assert wanted is not None
            if first is not None and first[1] <= wanted:  # else the seek went too far
                return self._found(start_s, (item for item in chain([first], frames) if item[1] >= wanted))
        if wanted is not None and self.stream.start_time is not None:
            with suppress(av.FFmpegError):
                self._container.seek(0)
        frames = self._timed()
        return self._found(start_s, (item for item in frames if wanted is None or item[1] >= wanted))

    def _found(
        self, start_s: Fraction, frames: Iterator[tuple[av.VideoFrame, int]]
    ) -> tuple[tuple[av.VideoFrame, int], Iterator[tuple[av.VideoFrame, int]]]:
        first = next(frames, None)
        if first is not None:
            return first, frames
        if start_s:
            raise SourceError(f"{self._path}: there is no frame {self._span(start_s)}")
        raise SourceError(f"{self._path}: not one frame of its video can be decoded")

    def _span(self, start_s: Fraction) -> str:
        if self._end_s is None:
            return f"from {float(start_s):g} s on: it is shorter than that"
        return f"between {float(start_s):g} and {float(self._end_s):g} s: name a longer part, within its length"

    def _timed(self) -> Iterator[tuple[av.VideoFrame, int]]:
        """Frames with their timestamps, in ticks of the file's own clock, before `end_s`."""
        step = ticks(1 / self.rate, self.time_base)
        self._timeline = Timeline(step)
        self._begin_dts = None
        even = EvenClock(step) if self._even else None
        for frame in self._decoded():
            pts = frame.pts if even is None else even.place(frame.dts, self._begin_dts)
            pts = self._timeline.place(pts, frame.dts)
            if self._end_s is not None and pts * self.time_base >= self.origin_s + self._end_s:
                return
            yield frame, pts

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """All frames that can be decoded: damaged packets are counted and passed over."""
        for packet in packets_of(self._container, damaged=self._damage):
            if packet.pts is not None:
                end_s = (packet.pts + (packet.duration or 0)) * exact(packet.time_base)
                self._reached_s = max(self._reached_s, end_s)
            if packet.stream_index != self.stream.index:
                continue
            self._packets += 1
            if self._begin_dts is None:
                self._begin_dts = packet.dts
            try:
                yield from self.stream.decode(packet)
            except av.FFmpegError:
                self._damage()
        with suppress(av.FFmpegError):
            yield from self.stream.decode(None)

    def _damage(self) -> None:
        self._damaged += 1
