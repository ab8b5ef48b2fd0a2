"""How one stream beside the video gets into the output: copied, re-encoded or converted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from realtime.video.decoders import exact, ticks

__all__ = ["Carrier", "Copier", "Recoder", "SubtitleConverter", "Window"]


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which part of the source is wanted, on its own clock, in seconds."""

    start_s: Fraction | None
    """None: from wherever the stream begins."""
    shift_s: Fraction
    """What is taken off every time."""

    def holds(self, begin_s: Fraction, limit_s: Fraction | None) -> bool:
        """Whether something that begins at `begin_s` is inside; `limit_s`, if any, is the end of what is wanted."""
        return (self.start_s is None or begin_s >= self.start_s) and (limit_s is None or begin_s < limit_s)


class Carrier(ABC):
    """Carries one stream over. Packets of `source` come in file order."""

    def __init__(self, source: Stream, output: Stream, container: OutputContainer, window: Window) -> None:
        self.source, self.output = source, output
        self._container, self._window = container, window
        assert source.time_base is not None
        self.time_base = exact(source.time_base)
        self._shift = ticks(window.shift_s, self.time_base)
        self.passed = False
        """Everything up to the limit has come."""

    def begin_s(self, packet: Packet[Stream]) -> Fraction:
        """When a packet starts, on the source's clock, in seconds."""
        return (packet.pts or 0) * self.time_base

    @abstractmethod
    def carry(self, packet: Packet[Stream], limit_s: Fraction | None) -> None:
        """Take over one packet that has a timestamp, or what of it lies inside the window and before `limit_s`."""

    def finish(self) -> None:  # noqa: B027 (most have nothing left)
        """Write what is held back."""


class Copier(Carrier):
    """Packets as they are."""

    _last_dts: int | None = None

    def carry(self, packet: Packet[Stream], limit_s: Fraction | None) -> None:
        if not self._window.holds(self.begin_s(packet), limit_s):
            return
        assert packet.pts is not None
        packet.pts -= self._shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - self._shift
        if self._last_dts is not None and packet.dts < self._last_dts:  # muxers refuse to go back
            packet.dts = self._last_dts
            packet.pts = max(packet.pts, packet.dts)
        self._last_dts = packet.dts
        packet.stream = self.output
        self._container.mux_one(packet)


class Recoder(Carrier):
    """Audio, decoded and encoded again."""

    def carry(self, packet: Packet[Stream], limit_s: Fraction | None) -> None:
        assert isinstance(self.source, AudioStream)
        try:
            frames = self.source.decode(packet)
        except av.FFmpegError:
            return  # a damaged packet: a moment of silence
        for frame in frames:
            begin_s = self.begin_s(packet) if frame.pts is None else frame.pts * self.time_base
            if self._window.holds(begin_s, limit_s):
                frame.pts = ticks(begin_s, self.time_base) - self._shift
                frame.time_base = self.time_base
                self._encode(frame)

    def finish(self) -> None:
        self._encode(None)

    def _encode(self, frame: av.AudioFrame | None) -> None:
        assert isinstance(self.output, AudioStream)
        self._container.mux(self.output.encode(frame))


class SubtitleConverter(Carrier):
    """Subtitle text in another notation."""

    def carry(self, packet: Packet[Stream], limit_s: Fraction | None) -> None:
        assert isinstance(self.source, SubtitleStream)
        assert isinstance(self.output, SubtitleStream)
        if not self._window.holds(self.begin_s(packet), limit_s):
            return
        try:
            text = self.source.decode2(packet)
        except av.FFmpegError:
            return
        if text is None or not len(text):
            return  # mov_text fills its gaps with empty packets
        converted = self.output.codec_context.encode_subtitle(text)
        assert packet.pts is not None
        converted.pts = converted.dts = packet.pts - self._shift
        converted.duration, converted.time_base = packet.duration, self.time_base
        converted.stream = self.output
        self._container.mux_one(converted)
