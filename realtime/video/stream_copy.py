"""The streams beside the video on their way into the output: copied as they are, transcoded or converted.

`Passthrough` reads the source a second time and hands each packet to the stream's own `StreamTransfer`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from realtime.video.decoders import exact, packets_of, ticks

__all__ = ["Passthrough", "StreamCopy", "StreamTransfer", "SubtitleConverter", "TimeRange", "Transcoder"]

_SEEK_MARGIN_S = 10


@dataclass(frozen=True, kw_only=True)
class TimeRange:
    """Which part of the source is wanted, on its own clock, in seconds."""

    start_s: Fraction | None
    """None: from wherever the stream begins."""
    end_s: Fraction | None
    """None: up to its end."""
    shift_s: Fraction
    """What is taken off every time."""

    def holds(self, begin_s: Fraction, limit_s: Fraction | None) -> bool:
        """Whether something that begins at `begin_s` is wanted; `limit_s`, if any, is where it ends."""
        return (self.start_s is None or begin_s >= self.start_s) and (limit_s is None or begin_s < limit_s)


class StreamTransfer(ABC):
    """Takes one stream over. Packets of `source` come in file order."""

    def __init__(self, source: Stream, output: Stream, container: OutputContainer, wanted: TimeRange) -> None:
        self.source, self.output = source, output
        self._container, self._range = container, wanted
        assert source.time_base is not None
        self.time_base = exact(source.time_base)
        self._shift = ticks(wanted.shift_s, self.time_base)
        self.passed = False
        """Everything up to the limit has come."""

    def begin_s(self, packet: Packet[Stream]) -> Fraction:
        """When a packet starts, on the source's clock, in seconds."""
        return (packet.pts or 0) * self.time_base

    @abstractmethod
    def take(self, packet: Packet[Stream], limit_s: Fraction | None) -> None:
        """Take over one packet that has a timestamp, or what of it lies inside the range and before `limit_s`."""

    def finish(self) -> None:  # noqa: B027 (most have nothing left)
        """Write what is held back."""


class StreamCopy(StreamTransfer):
    """Packets as they are."""

    _last_dts: int | None = None

    def take(self, packet: Packet[Stream], limit_s: Fraction | None) -> None:
        if not self._range.holds(self.begin_s(packet), limit_s):
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


class Transcoder(StreamTransfer):
    """Audio, decoded and encoded again."""

    def take(self, packet: Packet[Stream], limit_s: Fraction | None) -> None:
        assert isinstance(self.source, AudioStream)
        try:
            frames = self.source.decode(packet)
        except av.FFmpegError:
            return  # a damaged packet: a moment of silence
        for frame in frames:
            begin_s = self.begin_s(packet) if frame.pts is None else frame.pts * self.time_base
            if self._range.holds(begin_s, limit_s):
                frame.pts = ticks(begin_s, self.time_base) - self._shift
                frame.time_base = self.time_base
                self._encode(frame)

    def finish(self) -> None:
        self._encode(None)

    def _encode(self, frame: av.AudioFrame | None) -> None:
        assert isinstance(self.output, AudioStream)
        self._container.mux(self.output.encode(frame))


class SubtitleConverter(StreamTransfer):
    """Subtitle text in another notation."""

    def take(self, packet: Packet[Stream], limit_s: Fraction | None) -> None:
        assert isinstance(self.source, SubtitleStream)
        assert isinstance(self.output, SubtitleStream)
        if not self._range.holds(self.begin_s(packet), limit_s):
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


class Passthrough:
    """Its own pass over the source, always as far as the video has come, so that an early end cuts sound with it.

    Both methods are for one thread. Neither container is closed by it.
    """

    def __init__(
        self,
        source: InputContainer,
        output: OutputContainer,
        *,
        transfers: Mapping[int, StreamTransfer],
        covers: Sequence[Packet[Stream]],
        wanted: TimeRange,
    ) -> None:
        """transfers: by the index of the source's stream. covers: packets for the start of the output."""
        self._source, self._output, self._range = source, output, wanted
        self._covers, self._transfers = list(covers), transfers
        self._held: Packet[Stream] | None = None
        self._packets = self._demux()

    def advance(self, until_s: Fraction) -> None:
        """Write what begins before `until_s`, in seconds from the start of the output."""
        self._run(until_s + self._range.shift_s, to_the_end=False)

    def finish(self, until_s: Fraction | None) -> None:
        """Write the rest, up to `until_s` if it is given, and what re-encoding holds back."""
        self._run(None if until_s is None else until_s + self._range.shift_s, to_the_end=True)
        for transfer in self._transfers.values():
            transfer.finish()

    def _run(self, until_s: Fraction | None, *, to_the_end: bool) -> None:
        while self._covers:
            self._output.mux_one(self._covers.pop())
        limit_s = min((limit for limit in (until_s, self._range.end_s) if limit is not None), default=None)
        while not all(transfer.passed for transfer in self._transfers.values()):
            packet = self._held or next(self._packets, None)
            self._held = None
            if packet is None:
                return
            transfer = self._transfers[packet.stream_index]
            begin_s = transfer.begin_s(packet)
            if not to_the_end and until_s is not None and begin_s >= until_s:
                self._held = packet
                return
            if limit_s is not None and begin_s >= limit_s:
                transfer.passed = True
            else:
                transfer.take(self._trimmed(packet, transfer), limit_s)

    def _demux(self) -> Iterator[Packet[Stream]]:
        streams = [transfer.source for transfer in self._transfers.values()]
        if not streams:
            return
        start_s = self._range.start_s
        if start_s is not None and start_s > _SEEK_MARGIN_S:
            with suppress(av.FFmpegError):  # else read from the beginning
                self._source.seek(int((start_s - _SEEK_MARGIN_S) * av.time_base))
        # the reader of the video says what could not be read
        for packet in packets_of(self._source, streams, damaged=lambda: None):
            if packet.pts is None:
                packet.pts = packet.dts
            if packet.pts is not None:
                yield packet

    def _trimmed(self, packet: Packet[Stream], transfer: StreamTransfer) -> Packet[Stream]:
        """A subtitle that is on screen where the range begins starts there."""
        start_s = self._range.start_s
        if start_s is None or packet.pts is None or not isinstance(transfer.source, SubtitleStream):
            return packet
        start = -int(-start_s // transfer.time_base)
        end = packet.pts + (packet.duration or 0)
        if packet.pts < start < end:
            packet.pts = packet.dts = start
            packet.duration = end - start
        return packet
