"""Subtitles come along, converted where the file takes others."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.realtime.video.clips import Clip, run, scene, write_clip

_CUES = [(500, 400, "Hello <i>there</i>"), (1000, 900, "Second line")]


def _scenes(count: int) -> list[Any]:
    return [scene(index) for index in range(count)]


def _subtitles(codec: str) -> Any:
    """For Clip.beside: two cues, encoded from SubRip text."""

    def add(container: av.container.OutputContainer) -> Callable[[], None]:
        text = "".join(
            f"{n}\n{_clock(at)} --> {_clock(at + length)}\n{line}\n\n" for n, (at, length, line) in enumerate(_CUES)
        )
        source = av.open(io.BytesIO(text.encode()), "r", format="srt")
        cues = source.streams.subtitles[0]
        cues.codec_context.open(strict=False)
        stream = container.add_stream(codec)
        stream.codec_context.subtitle_header = cues.codec_context.subtitle_header
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        stream.metadata["language"] = "eng"

        def write() -> None:
            for packet in source.demux(cues):
                if packet.size:
                    subtitle = cues.decode2(packet)
                    assert subtitle is not None
                    encoded = stream.codec_context.encode_subtitle(subtitle)
                    encoded.pts = encoded.dts = packet.pts
                    encoded.duration, encoded.time_base, encoded.stream = packet.duration, Fraction(1, 1000), stream
                    container.mux(encoded)
            source.close()

        return write

    return add


def _clock(at_ms: int) -> str:
    return f"00:00:{at_ms // 1000:02d},{at_ms % 1000:03d}"


def _shown(path: Path) -> list[tuple[Fraction, Fraction, bytes]]:
    """Start, duration and plain text of each cue, in seconds."""
    cues = []
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        for packet in container.demux(stream):
            subtitle = stream.decode2(packet) if packet.size else None
            if subtitle is not None and len(subtitle) and packet.pts is not None:
                length = (packet.duration or 0) * packet.time_base
                cues.append((packet.pts * packet.time_base, length, subtitle[0].dialogue))
    return [cue for cue in cues if cue[2]]


def _codecs(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [s.codec_context.codec.canonical_name for s in container.streams if s.codec_context is not None]


@pytest.mark.parametrize(("codec", "ending"), [("subrip", ".mkv"), ("mov_text", ".mp4"), ("ass", ".mkv")])
def test_subtitles_are_copied_where_the_file_takes_them(tmp_path: Path, codec: str, ending: str) -> None:
    source = write_clip(tmp_path / f"in{ending}", Clip(pictures=_scenes(60), beside=_subtitles(codec)))
    summary = run(source, tmp_path / f"out{ending}")
    assert summary.notices == ()
    assert _shown(tmp_path / f"out{ending}") == _shown(source)
    assert len(_shown(source)) == 2


@pytest.mark.parametrize(
    ("codec", "source_ending", "ending", "becomes"),
    [
        ("subrip", ".mkv", ".mp4", "mov_text"),
        ("mov_text", ".mp4", ".mkv", "subrip"),
        ("subrip", ".mkv", ".webm", "webvtt"),
    ],
)
def test_subtitles_are_converted_where_the_file_takes_others(
    tmp_path: Path, codec: str, source_ending: str, ending: str, becomes: str
) -> None:
    source = write_clip(tmp_path / f"in{source_ending}", Clip(pictures=_scenes(60), beside=_subtitles(codec)))
    summary = run(source, tmp_path / f"out{ending}")
    assert summary.notices == (f"subtitles (stream 1) are converted from {codec} to {becomes}",)
    times = [(start, length) for start, length, _ in _shown(tmp_path / f"out{ending}")]
    assert times == [(Fraction(at, 1000), Fraction(length, 1000)) for at, length, _ in _CUES]
    assert b"Second line" in _shown(tmp_path / f"out{ending}")[1][2]
    with av.open(str(tmp_path / f"out{ending}")) as container:
        assert container.streams.subtitles[0].metadata["language"] == "eng"


def test_picture_subtitles_have_no_place_in_mp4_and_that_is_said(tmp_path: Path) -> None:
    def add(container: av.container.OutputContainer) -> Callable[[], None]:
        stream = container.add_mux_stream("dvd_subtitle", time_base=Fraction(1, 1000))

        def write() -> None:
            packet = av.Packet(b"\x00\x08\x00\x06\x00\x00\x00\x06")
            packet.stream, packet.pts, packet.dts, packet.duration = stream, 100, 100, 500
            packet.time_base = Fraction(1, 1000)
            container.mux(packet)

        return write

    source = write_clip(tmp_path / "in.mkv", Clip(pictures=_scenes(10), beside=add))
    summary = run(source, tmp_path / "out.mp4")
    assert summary.notices == ("stream 1 (subtitle, dvd_subtitle) has no place in the output: left out",)
    assert _codecs(tmp_path / "out.mp4") == ["h264"]


def test_a_subtitle_that_is_on_screen_at_the_cut_begins_with_it(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", Clip(pictures=_scenes(60), beside=_subtitles("subrip")))
    run(source, tmp_path / "out.mkv", start_s=Fraction(3, 5), end_s=Fraction(8, 5))
    first, second = _shown(tmp_path / "out.mkv")
    assert (first[0], first[1]) == (0, Fraction(3, 10))
    assert second[0] == Fraction(4, 10)
