"""Decides for each stream beside the video how it gets into the output, and adds it there."""

from __future__ import annotations

from fractions import Fraction

from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Stream
from av.subtitles.stream import SubtitleStream

from realtime.video.decoders import ATTACHED_PICTURE, Notice
from realtime.video.stream_copy import StreamCopy, StreamTransfer, SubtitleConverter, TimeRange, Transcoder
from realtime.video.streams import RULES, TEXT_SUBTITLES, describe

__all__ = ["StreamPlan"]

_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_BITS_PER_CHANNEL = 96_000
_WIDE = {6: "5.1", 8: "7.1"}


class StreamPlan:
    """Adds the streams to the output when it is made; says with a notice what does not stay as it is."""

    def __init__(
        self,
        source: InputContainer,
        output: OutputContainer,
        *,
        muxer: str,
        video_index: int,
        window: TimeRange,
        notice: Notice,
    ) -> None:
        self._source, self._output, self._window, self._notice = source, output, window, notice
        self._rules = RULES[muxer]
        self.covers: list[Packet[Stream]] = []
        """Packets that belong at the start of the output."""
        self.carriers: dict[int, StreamTransfer] = {}
        """By the index of the source's stream."""
        for stream in source.streams:
            if stream.index != video_index:
                self._add(stream)

    def _add(self, stream: Stream) -> None:
        kind = stream.type
        name = stream.codec_context.codec.canonical_name if stream.codec_context is not None else None
        if kind == "audio":
            added = self._add_audio(stream, name)
        elif kind == "subtitle":
            added = self._add_subtitle(stream, name)
        elif kind == "attachment":
            added = self._add_attachment(stream)
        elif kind == "video" and int(stream.disposition) & ATTACHED_PICTURE:
            added = self._add_cover(stream)
        else:
            added = kind == "data" and self._said_elsewhere(stream)
        if not added:
            what = f"{kind}, {name}" if name else kind
            self._notice(f"stream {stream.index} ({what}) has no place in the output: left out")

    def _said_elsewhere(self, stream: Stream) -> bool:
        """Time codes are in the metadata too, and the chapter titles of MP4 in the chapters: both are written anew."""
        return "timecode" in stream.metadata or (stream.name == "bin_data" and bool(self._source.chapters()))

    def _add_audio(self, stream: Stream, name: str | None) -> bool:
        if name is None:
            return False
        if (self._rules.audio is None or name in self._rules.audio) and self._copy(stream):
            return True
        assert isinstance(stream, AudioStream)
        encoder = self._rules.audio_encoder
        rate = 48000 if encoder == "libopus" or stream.rate not in _AAC_RATES else stream.rate
        output = self._output.add_stream(encoder, rate=rate)
        assert isinstance(output, AudioStream)
        channels = stream.layout.nb_channels
        context = output.codec_context
        context.layout = "mono" if channels == 1 else _WIDE.get(channels, "stereo")  # encoders refuse odd layouts
        context.bit_rate = _BITS_PER_CHANNEL * context.layout.nb_channels
        context.time_base = output.time_base = Fraction(1, rate)
        self._carry(stream, output, Transcoder)
        self._notice(f"sound (stream {stream.index}) is re-encoded from {name} to {context.codec.canonical_name}")
        return True

    def _add_subtitle(self, stream: Stream, name: str | None) -> bool:
        if name in self._rules.subtitles and self._copy(stream):
            return True
        if name not in TEXT_SUBTITLES:
            return False
        assert isinstance(stream, SubtitleStream)
        assert stream.time_base is not None
        encoder = self._rules.subtitle_encoder
        output = self._output.add_stream(encoder)
        assert isinstance(output, SubtitleStream)
        stream.codec_context.open(strict=False)  # makes the header that the encoder wants
        output.codec_context.subtitle_header = stream.codec_context.subtitle_header
        output.codec_context.time_base = output.time_base = stream.time_base
        self._carry(stream, output, SubtitleConverter)
        self._notice(f"subtitles (stream {stream.index}) are converted from {name} to {encoder}")
        return True

    def _add_attachment(self, stream: Stream) -> bool:
        if not self._rules.attachments or not isinstance(stream, AttachmentStream):
            return False
        self._output.add_attachment(stream.name or "file", stream.mimetype or "application/octet-stream", stream.data)
        return True

    def _add_cover(self, stream: Stream) -> bool:
        if not (self._rules.cover or self._rules.attachments):
            return False
        packet = next(iter(self._source.demux(stream)), None)
        self._source.seek(0)
        if packet is None or not packet.size:
            return False
        if self._rules.attachments:
            ending = {"mjpeg": "jpg"}.get(stream.codec_context.name, stream.codec_context.name)
            mimetype = stream.metadata.get("mimetype", f"image/{ending.replace('jpg', 'jpeg')}")
            self._output.add_attachment(f"cover.{ending}", mimetype, bytes(packet))
            return True
        output = self._copied(stream)
        if output is None:
            return False
        packet.stream, packet.pts, packet.dts = output, 0, 0
        self.covers.append(packet)
        return True

    def _copy(self, stream: Stream) -> bool:
        output = self._copied(stream)
        if output is not None:
            self._carry(stream, output, StreamCopy)
        return output is not None

    def _copied(self, stream: Stream) -> Stream | None:
        try:
            output = self._output.add_stream_from_template(stream, opaque=True)
        except ValueError:  # the muxer takes no such codec
            return None
        describe(output, stream)
        return output

    def _carry(self, stream: Stream, output: Stream, how: type[StreamTransfer]) -> None:
        describe(output, stream)
        self.carriers[stream.index] = how(stream, output, self._output, self._window)
