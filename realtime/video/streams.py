"""Which streams beside the video get into the output, and how; titles, languages, roles and chapters come along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Stream
from av.subtitles.stream import SubtitleStream

from realtime.video.decoders import ATTACHED_PICTURE, Notice, exact
from realtime.video.stream_copy import Passthrough, StreamCopy, StreamTransfer, SubtitleConverter, TimeRange, Transcoder

__all__ = ["add_streams"]

_STALE = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "rotate", "bps")
"""Facts of the old file and its encoder, which FFmpeg writes anew or which are no longer true."""
_STALE_PREFIXES = ("number_of_", "_statistics_", "duration-", "bps-")

_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_BITS_PER_CHANNEL = 96_000
_WIDE = {6: "5.1", 8: "7.1"}

_TEXT_SUBTITLES = frozenset({"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"})


@dataclass(frozen=True, kw_only=True)
class _ContainerRules:
    """Codecs that are copied, and what all others become."""

    audio: frozenset[str] | None
    """None: all that FFmpeg takes."""
    audio_encoder: str
    subtitles: frozenset[str]
    subtitle_encoder: str
    cover: bool = False
    """A cover picture is stored as a stream of its own."""
    attachments: bool = False
    """Fonts and cover pictures are stored as attached files."""


_MATROSKA_SUBTITLES = frozenset(
    {"subrip", "srt", "ass", "ssa", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "hdmv_text_subtitle"}
)
_PCM = frozenset({"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le", "pcm_u8"})

_RULES = {
    # FFmpeg writes Vorbis and PCM into MP4 too, but hardly a player reads them there
    "mp4": _ContainerRules(
        audio=frozenset({"aac", "mp3", "mp2", "ac3", "eac3", "alac", "flac", "opus", "dts"}),
        audio_encoder="aac",
        subtitles=frozenset({"mov_text"}),
        subtitle_encoder="mov_text",
        cover=True,
    ),
    "mov": _ContainerRules(
        audio=frozenset({"aac", "mp3", "ac3", "eac3", "alac", *_PCM}),
        audio_encoder="aac",
        subtitles=frozenset({"mov_text"}),
        subtitle_encoder="mov_text",
        cover=True,
    ),
    "matroska": _ContainerRules(
        audio=None,
        audio_encoder="libopus",
        subtitles=_MATROSKA_SUBTITLES,
        subtitle_encoder="subrip",
        attachments=True,
    ),
    "webm": _ContainerRules(
        audio=frozenset({"vorbis", "opus"}),
        audio_encoder="libopus",
        subtitles=frozenset({"webvtt"}),
        subtitle_encoder="webvtt",
    ),
}
"""By FFmpeg's name of the muxer."""


def add_streams(
    source: InputContainer,
    output: OutputContainer,
    *,
    video: Stream,
    video_output: Stream,
    wanted: TimeRange,
    notice: Notice,
) -> Passthrough:
    """Add all that goes along with the video to the output, before its first picture; what is returned carries it over.

    That is every stream of `source` but the one with the index of `video`, the chapters, and what is said about the
    file and its streams. `notice` is told of what does not stay as it is.
    """
    _describe(video_output, video)
    output.metadata.update(_lasting(source.metadata))
    if wanted.start_s is not None:  # a cut begins at another time code
        output.metadata.pop("timecode", None)
        video_output.metadata.pop("timecode", None)
    _copy_chapters(source, output, wanted)
    plan = _StreamPlan(source, output, wanted, notice)
    for stream in source.streams:
        if stream.index != video.index:
            plan.add(stream)
    return Passthrough(source, output, transfers=plan.transfers, covers=plan.covers, wanted=wanted)


class _StreamPlan:
    """Decides how each stream gets into the output, and adds it there."""

    def __init__(self, source: InputContainer, output: OutputContainer, wanted: TimeRange, notice: Notice) -> None:
        self._source, self._output, self._range, self._notice = source, output, wanted, notice
        self._rules = _RULES[output.format.name]
        self.covers: list[Packet[Stream]] = []
        self.transfers: dict[int, StreamTransfer] = {}

    def add(self, stream: Stream) -> None:
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
        self._transfer(stream, output, Transcoder)
        self._notice(f"sound (stream {stream.index}) is re-encoded from {name} to {context.codec.canonical_name}")
        return True

    def _add_subtitle(self, stream: Stream, name: str | None) -> bool:
        if name in self._rules.subtitles and self._copy(stream):
            return True
        if name not in _TEXT_SUBTITLES:
            return False
        assert isinstance(stream, SubtitleStream)
        assert stream.time_base is not None
        encoder = self._rules.subtitle_encoder
        output = self._output.add_stream(encoder)
        assert isinstance(output, SubtitleStream)
        stream.codec_context.open(strict=False)  # makes the header that the encoder wants
        output.codec_context.subtitle_header = stream.codec_context.subtitle_header
        output.codec_context.time_base = output.time_base = stream.time_base
        self._transfer(stream, output, SubtitleConverter)
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
            self._transfer(stream, output, StreamCopy)
        return output is not None

    def _copied(self, stream: Stream) -> Stream | None:
        try:
            output = self._output.add_stream_from_template(stream, opaque=True)
        except ValueError:  # the muxer takes no such codec
            return None
        _describe(output, stream)
        return output

    def _transfer(self, stream: Stream, output: Stream, how: type[StreamTransfer]) -> None:
        _describe(output, stream)
        self.transfers[stream.index] = how(stream, output, self._output, self._range)


def _describe(output: Stream, source: Stream) -> None:
    """Language, title and role of a stream."""
    output.metadata.update(_lasting(source.metadata))
    output.disposition = source.disposition


def _copy_chapters(source: InputContainer, output: OutputContainer, wanted: TimeRange) -> None:
    """The chapters as far as they lie inside the range."""
    chapters: list[Any] = []
    for chapter in source.chapters():
        base = exact(chapter["time_base"] or Fraction(1, 1000))
        begin_s, finish_s = chapter["start"] * base, chapter["end"] * base
        if wanted.start_s is not None:
            begin_s = max(begin_s, wanted.start_s)
        if wanted.end_s is not None:
            finish_s = min(finish_s, wanted.end_s)
        if begin_s < finish_s:
            begin, finish = (round((at_s - wanted.shift_s) / base) for at_s in (begin_s, finish_s))
            chapters.append({**chapter, "start": begin, "end": finish, "time_base": base})
    if chapters:
        output.set_chapters(chapters)


def _lasting(metadata: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _STALE and not key.lower().startswith(_STALE_PREFIXES)
    }
