"""Carries the packets of everything beside the video from the source to the output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from realtime.video.decoders import packets_of
from realtime.video.stream_copy import StreamTransfer, TimeRange
from realtime.video.streams import StreamPlan

__all__ = ["Passthrough"]

_SEEK_MARGIN_S = 10


class Passthrough:
    """Its own pass over the source, always as far as the video has come, so that an early end cuts sound with it.

    Both methods are for one thread. Neither container is closed by it.
    """

    def __init__(
        self,
        source: InputContainer,
        output: OutputContainer,
        plan: StreamPlan,
        *,
        window: TimeRange,
        end_s: Fraction | None,
    ) -> None:
        self._source, self._output, self._window, self._end_s = source, output, window, end_s
        self._covers, self._carriers = plan.covers, plan.carriers
        self._held: Packet[Stream] | None = None
        self._packets = self._demux()

    def advance(self, until_s: Fraction) -> None:
        """Write what begins before `until_s`, in seconds from the start of the output."""
        self._run(until_s + self._window.shift_s, to_the_end=False)

    def finish(self, until_s: Fraction | None) -> None:
        """Write the rest, up to `until_s` if it is given, and what re-encoding holds back."""
        self._run(None if until_s is None else until_s + self._window.shift_s, to_the_end=True)
        for carrier in self._carriers.values():
            carrier.finish()

    def _run(self, until_s: Fraction | None, *, to_the_end: bool) -> None:
        while self._covers:
            self._output.mux_one(self._covers.pop())
        limit_s = min((limit for limit in (until_s, self._end_s) if limit is not None), default=None)
        while not all(carrier.passed for carrier in self._carriers.values()):
            packet = self._held or next(self._packets, None)
            self._held = None
            if packet is None:
                return
            carrier = self._carriers[packet.stream_index]
            begin_s = carrier.begin_s(packet)
            if not to_the_end and until_s is not None and begin_s >= until_s:
                self._held = packet
                return
            if limit_s is not None and begin_s >= limit_s:
                carrier.passed = True
            else:
                carrier.carry(self._trimmed(packet, carrier), limit_s)

    def _demux(self) -> Iterator[Packet[Stream]]:
        streams = [carrier.source for carrier in self._carriers.values()]
        if not streams:
            return
        start_s = self._window.start_s
        if start_s is not None and start_s > _SEEK_MARGIN_S:
            with suppress(av.FFmpegError):  # else read from the beginning
                self._source.seek(int((start_s - _SEEK_MARGIN_S) * av.time_base))
        # the reader of the video says what could not be read
        for packet in packets_of(self._source, streams, damaged=lambda: None):
            if packet.pts is None:
                packet.pts = packet.dts
            if packet.pts is not None:
                yield packet

    def _trimmed(self, packet: Packet[Stream], carrier: StreamTransfer) -> Packet[Stream]:
        """A subtitle that is on screen when the window opens begins there."""
        start_s = self._window.start_s
        if start_s is None or packet.pts is None or not isinstance(carrier.source, SubtitleStream):
            return packet
        start = -int(-start_s // carrier.time_base)
        end = packet.pts + (packet.duration or 0)
        if packet.pts < start < end:
            packet.pts = packet.dts = start
            packet.duration = end - start
        return packet
