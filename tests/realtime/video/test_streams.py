"""Which streams come along: sound, subtitles, chapters, titles, covers, fonts and time codes."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.conftest import shared
from tests.realtime.video.clips import Clip, packets, pictures, run, scene, timestamps, together, tone, write_clip


def _scenes(count: int) -> list[Any]:
    return [scene(index) for index in range(count)]


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_chapters_and_titles_come_along(tmp_path: Path, ending: str) -> None:
    clip = Clip(
        pictures=_scenes(60),
        metadata={"title": "A day", "artist": "Somebody", "comment": "made for a test"},
        chapters=[
            {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}},
            {"id": 2, "start": 1000, "end": 2000, "time_base": Fraction(1, 1000), "metadata": {"title": "Two"}},
        ],
    )
    source = write_clip(tmp_path / f"in{ending}", clip)
    summary = run(source, tmp_path / f"out{ending}")
    assert summary.notices == ()
    with av.open(str(tmp_path / f"out{ending}")) as container:
        found = {key.lower(): value for key, value in container.metadata.items()}
        chapters = [
            (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]["title"])
            for c in container.chapters()
            if c["time_base"] is not None
        ]
    assert {key: found[key] for key in clip.metadata} == clip.metadata
    assert chapters == [(0, 1, "One"), (1, 2, "Two")]


def test_chapters_are_cut_with_the_video(tmp_path: Path) -> None:
    chapter = {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}}
    later = {**chapter, "id": 2, "start": 1000, "end": 2000, "metadata": {"title": "Two"}}
    source = write_clip(tmp_path / "in.mkv", Clip(pictures=_scenes(60), chapters=[chapter, later]))
    run(source, tmp_path / "out.mkv", start_s=Fraction(3, 2))
    with av.open(str(tmp_path / "out.mkv")) as container:
        (kept,) = container.chapters()
    assert kept["time_base"] is not None
    assert (kept["start"] * kept["time_base"], kept["end"] * kept["time_base"]) == (0, Fraction(1, 2))
    assert kept["metadata"]["title"] == "Two"


def _cover() -> bytes:
    file = io.BytesIO()
    Image.fromarray(scene(3, (80, 80))).save(file, "JPEG")
    return file.getvalue()


def _with_cover(container: av.container.OutputContainer) -> Callable[[], None]:
    stream = container.add_mux_stream("mjpeg", width=80, height=80)
    stream.disposition = av.stream.Disposition.attached_pic

    def write() -> None:
        packet = av.Packet(_cover())
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 1000)
        container.mux(packet)

    return write


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_cover_picture_is_neither_painted_nor_lost(tmp_path: Path, ending: str) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=_scenes(10), beside=together(_with_cover, tone())))
    summary = run(source, tmp_path / f"out{ending}")
    assert summary.notices == ()
    assert len(timestamps(tmp_path / f"out{ending}")) == 10
    with av.open(str(tmp_path / f"out{ending}")) as container:
        covers = [s for s in container.streams.video if s.disposition & av.stream.Disposition.attached_pic]
        assert len(covers) == 1
        assert bytes(next(iter(container.demux(covers[0])))) == _cover()
    # and back again
    run(tmp_path / f"out{ending}", tmp_path / "back.mp4")
    with av.open(str(tmp_path / "back.mp4")) as container:
        assert [int(s.disposition) & 1024 for s in container.streams.video] == [0, 1024]


def test_a_cover_has_no_place_in_webm_and_that_is_said(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=_scenes(5), beside=_with_cover))
    assert run(source, tmp_path / "out.webm").notices == (
        "stream 1 (video, mjpeg) has no place in the output: left out",
    )


def test_attached_fonts_come_along(tmp_path: Path) -> None:
    def add(container: av.container.OutputContainer) -> Callable[[], None]:
        container.add_attachment("some.ttf", "font/ttf", b"not really a font")
        return lambda: None

    source = write_clip(tmp_path / "in.mkv", Clip(pictures=_scenes(5), beside=add))
    assert run(source, tmp_path / "out.mkv").notices == ()
    with av.open(str(tmp_path / "out.mkv")) as container:
        (font,) = container.streams.attachments
        assert (font.name, font.mimetype, font.data) == ("some.ttf", "font/ttf", b"not really a font")
    (notice,) = run(source, tmp_path / "out.mp4").notices
    assert notice == "stream 1 (attachment) has no place in the output: left out"


def test_a_time_code_comes_along(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mov", Clip(pictures=_scenes(5), metadata={"timecode": "01:00:00:00"}))
    assert run(source, tmp_path / "out.mov").notices == ()
    with av.open(str(tmp_path / "out.mov")) as container:
        assert [s.metadata["timecode"] for s in container.streams] == ["01:00:00:00"] * 2


def test_a_second_video_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    def add(container: av.container.OutputContainer) -> Callable[[], None]:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"

        def write() -> None:
            frame = av.VideoFrame.from_ndarray(scene(0, (32, 32)), "rgb24")
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

        return write

    source = write_clip(tmp_path / "in.mkv", Clip(pictures=_scenes(5), beside=add))
    summary = run(source, tmp_path / "out.mkv")
    assert summary.notices == ("stream 1 (video, mpeg4) has no place in the output: left out",)
    assert summary.size == (64, 48)


def _codecs(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [s.codec_context.codec.canonical_name for s in container.streams if s.codec_context is not None]


@pytest.mark.parametrize(
    ("codec", "source_ending", "ending"),
    [
        ("aac", ".mp4", ".mp4"),
        ("aac", ".mp4", ".mkv"),
        ("mp3", ".mkv", ".mp4"),
        ("libopus", ".mkv", ".webm"),
        ("flac", ".mkv", ".mp4"),
    ],
)
def test_sound_is_copied_bit_for_bit_where_the_file_takes_it(
    tmp_path: Path, codec: str, source_ending: str, ending: str
) -> None:
    rate = 48000 if codec == "libopus" else 44100
    clip = Clip(pictures=_scenes(30), beside=tone(codec=codec, rate=rate, language="deu"))
    source = write_clip(tmp_path / f"in{source_ending}", clip)
    summary = run(source, tmp_path / f"out{ending}")
    assert summary.notices == ()
    assert packets(tmp_path / f"out{ending}", "audio") == packets(source, "audio")
    with av.open(str(tmp_path / f"out{ending}")) as container:
        assert container.streams.audio[0].metadata["language"] == "deu"


@pytest.mark.parametrize("name", ["friday.mp4", "chaplin.mp4", "pancake.mkv"])
def test_the_sound_of_real_clips_is_copied_in_step(tmp_path: Path, name: str) -> None:
    source = shared(f"video/{name}")
    run(source, tmp_path / "out.mp4")
    assert packets(tmp_path / "out.mp4", "audio") == packets(source, "audio")
    assert _heard(tmp_path / "out.mp4") == _heard(source)


def _heard(path: Path) -> list[Fraction]:
    """When the first sounds are heard."""
    with av.open(str(path)) as container:
        return [f.pts * f.time_base for f, _ in zip(container.decode(audio=0), range(20), strict=False)]


def test_sound_that_the_file_cannot_hold_is_re_encoded_in_step_with_a_notice(tmp_path: Path) -> None:
    source = shared("video/tos-battle.webm")
    summary = run(source, tmp_path / "out.mp4", end_s=Fraction(2))
    assert summary.notices == ("sound (stream 1) is re-encoded from vorbis to aac",)
    before, after = _samples(source, 2), _samples(tmp_path / "out.mp4", 2)
    length = min(len(before), len(after))
    assert length > 1.9 * 44100
    # the lag at which both waves agree best, in samples
    spectrum = np.fft.rfft(before[:length]) * np.conj(np.fft.rfft(after[:length]))
    lag = int(np.argmax(np.fft.irfft(spectrum)))
    assert min(lag, length - lag) < 0.005 * 44100
    assert np.corrcoef(before[2000 : length - 2000], np.roll(after, lag)[2000 : length - 2000])[0, 1] > 0.95


def _samples(path: Path, seconds: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The first channel as a player plays it: from time 0 on, silence before the first sample."""
    parts: list[Any] = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono", 44100)
        for frame in container.decode(audio=0):
            at = round(frame.pts * frame.time_base * 44100)
            values = np.concatenate([f.to_ndarray()[0] for f in resampler.resample(frame)] or [np.zeros(0)])
            have = sum(len(part) for part in parts)
            parts.append(np.zeros(max(0, at - have)) if at > have + 100 else np.zeros(0))
            parts.append(values)
            if at > seconds * 44100:
                break
    return np.concatenate(parts)[: int(seconds * 44100)].astype(np.float64)


def test_all_sound_tracks_come_along_in_their_order(tmp_path: Path) -> None:
    beside = together(tone(codec="aac", language="eng"), tone(codec="mp3", language="fra"))
    source = write_clip(tmp_path / "in.mkv", Clip(pictures=_scenes(30), beside=beside))
    run(source, tmp_path / "out.mp4")
    assert _codecs(tmp_path / "out.mp4") == ["h264", "aac", "mp3"]
    for index in range(2):
        assert packets(tmp_path / "out.mp4", "audio", index) == packets(source, "audio", index)


def test_sound_that_lies_behind_all_video_in_the_file_comes_along(tmp_path: Path) -> None:
    # the tone is written after the last frame, without interleaving
    clip = Clip(pictures=_scenes(60), beside=tone(seconds=2), container_options={"max_interleave_delta": "1"})
    source = write_clip(tmp_path / "in.mkv", clip)
    run(source, tmp_path / "out.mkv")
    assert packets(tmp_path / "out.mkv", "audio") == packets(source, "audio")
    assert len(pictures(tmp_path / "out.mkv")) == 60


_CUES = [(500, 400, "Hello <i>there</i>"), (1000, 900, "Second line")]


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
