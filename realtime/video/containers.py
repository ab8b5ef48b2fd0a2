"""What each kind of output can hold besides its video."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ContainerRules", "RULES", "TEXT_SUBTITLES"]

TEXT_SUBTITLES = frozenset({"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"})


@dataclass(frozen=True, kw_only=True)
class ContainerRules:
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

RULES = {
    # FFmpeg writes Vorbis and PCM into MP4 too, but hardly a player reads them there
    "mp4": ContainerRules(
        audio=frozenset({"aac", "mp3", "mp2", "ac3", "eac3", "alac", "flac", "opus", "dts"}),
        audio_encoder="aac",
        subtitles=frozenset({"mov_text"}),
        subtitle_encoder="mov_text",
        cover=True,
    ),
    "mov": ContainerRules(
        audio=frozenset({"aac", "mp3", "ac3", "eac3", "alac", *_PCM}),
        audio_encoder="aac",
        subtitles=frozenset({"mov_text"}),
        subtitle_encoder="mov_text",
        cover=True,
    ),
    "matroska": ContainerRules(
        audio=None,
        audio_encoder="libopus",
        subtitles=_MATROSKA_SUBTITLES,
        subtitle_encoder="subrip",
        attachments=True,
    ),
    "webm": ContainerRules(
        audio=frozenset({"vorbis", "opus"}),
        audio_encoder="libopus",
        subtitles=frozenset({"webvtt"}),
        subtitle_encoder="webvtt",
    ),
}
"""By FFmpeg's name of the muxer."""
