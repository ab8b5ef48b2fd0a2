"""Every frame comes through once, in order, at its own time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from engines.errors import BadInputError, SourceError
from realtime.video.job import parse_time
from realtime.video.reader import Timeline
from tests.conftest import shared
from tests.realtime.video.clips import (
    Clip,
    number_frame,
    number_of,
    packets,
    pictures,
    run,
    timestamps,
    together,
    tone,
    write_clip,
)

_VARIABLE = [0, 3003, 3500, 9009, 9010, 30030, 45045, 45100, 90090, 180180, 180200, 181000]


def _numbered(count: int) -> list[object]:
    return [number_frame(index) for index in range(count)]


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_variable_frame_rate_keeps_every_timestamp_exactly(tmp_path: Path, ending: str) -> None:
    clip = Clip(pictures=_numbered(12), pts=_VARIABLE, time_base=Fraction(1, 90000), options={"bf": "2", "crf": "5"})
    source = write_clip(tmp_path / "in.mp4", clip)
    summary = run(source, tmp_path / f"out{ending}", preset="medium")
    assert timestamps(tmp_path / f"out{ending}") == timestamps(source) == [Fraction(p, 90000) for p in _VARIABLE]
    assert [number_of(p) for p in pictures(tmp_path / f"out{ending}")] == list(range(12))
    assert summary.frames == 12


@pytest.mark.parametrize("base", ["1001/30000", "1/25", "1/12800", "1/1000000"])
def test_any_time_base_is_carried_through(tmp_path: Path, base: str) -> None:
    time_base = Fraction(base)
    step = max(1, round(Fraction(1, 30) / time_base))
    clip = Clip(pictures=_numbered(10), pts=[n * step for n in range(10)], time_base=time_base, rate=Fraction(30))
    source = write_clip(tmp_path / "in.mp4", clip)
    run(source, tmp_path / "out.mp4")
    assert timestamps(tmp_path / "out.mp4") == timestamps(source) == [n * step * time_base for n in range(10)]


def test_matroska_gets_the_nearest_millisecond_which_is_all_it_can_hold(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=_numbered(12), pts=_VARIABLE, time_base=Fraction(1, 90000)))
    run(source, tmp_path / "out.mkv")
    got = timestamps(tmp_path / "out.mkv")
    assert all(abs(at - Fraction(p, 90000)) <= Fraction(1, 2000) for at, p in zip(got, _VARIABLE, strict=True))


def test_a_video_that_starts_late_starts_as_late(tmp_path: Path) -> None:
    clip = Clip(pictures=_numbered(6), pts=[15 + n for n in range(6)], beside=tone(seconds=0.7))
    source = write_clip(tmp_path / "in.mp4", clip)
    run(source, tmp_path / "out.mp4")
    assert timestamps(tmp_path / "out.mp4") == timestamps(source) == [Fraction(15 + n, 30) for n in range(6)]


def test_sound_that_begins_before_zero_moves_nothing_in_matroska(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=_numbered(10), rate=Fraction(25), beside=tone(codec="aac")))
    with av.open(str(source)) as container:
        first = next(iter(container.demux(audio=0)))
        assert first.pts is not None
        assert first.pts < 0
    run(source, tmp_path / "out.mkv")
    nearest = [Fraction(round(at * 1000), 1000) for at in timestamps(source)]
    assert timestamps(tmp_path / "out.mkv") == nearest
    assert packets(tmp_path / "out.mkv", "audio") == packets(source, "audio")


def test_a_transport_stream_begins_at_zero_whatever_its_clock_says(tmp_path: Path) -> None:
    clip = Clip(pictures=_numbered(20), beside=tone(codec="mp2"), container_options={"output_ts_offset": "1000"})
    source = write_clip(tmp_path / "in.ts", clip)
    assert timestamps(source)[0] > 999
    run(source, tmp_path / "out.mp4")
    begin = min(timestamps(source)[0], _audio_start(source))
    assert timestamps(tmp_path / "out.mp4") == [at - begin for at in timestamps(source)]


def _audio_start(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert stream.start_time is not None
        assert stream.time_base is not None
        return stream.start_time * stream.time_base


def test_frames_without_timestamps_are_all_there_and_evenly_spaced(tmp_path: Path) -> None:
    clip = Clip(pictures=_numbered(30), rate=Fraction(25), time_base=Fraction(1, 25), muxer="h264")
    source = write_clip(tmp_path / "in.h264", clip)
    run(source, tmp_path / "out.mp4")
    assert [number_of(p) for p in pictures(tmp_path / "out.mp4")] == list(range(30))
    steps = {
        b - a for a, b in zip(timestamps(tmp_path / "out.mp4"), timestamps(tmp_path / "out.mp4")[1:], strict=False)
    }
    assert steps == {Fraction(1, 25)}


@pytest.mark.parametrize(
    ("start", "end"), [("0.5", None), (None, "0.7"), ("0.31", "0.92"), ("1", "1.04"), ("0:00:01", "2")]
)
def test_a_cut_holds_exactly_the_frames_inside_and_starts_at_zero(
    tmp_path: Path, start: str | None, end: str | None
) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=_numbered(60), options={"crf": "1", "bf": "2", "g": "12"}))
    begin_s, end_s = (None if t is None else parse_time(t) for t in (start, end))
    run(source, tmp_path / "out.mp4", start_s=begin_s, end_s=end_s)
    inside = [n for n in range(60) if Fraction(n, 30) >= (begin_s or 0) and (end_s is None or Fraction(n, 30) < end_s)]
    assert [number_of(p) for p in pictures(tmp_path / "out.mp4")] == inside
    assert timestamps(tmp_path / "out.mp4") == [Fraction(n - inside[0], 30) for n in inside]


@pytest.mark.parametrize("muxer", ["mpegts", "h264", "avi"])
def test_a_cut_is_frame_exact_where_seeking_is_rough_or_impossible(tmp_path: Path, muxer: str) -> None:
    clip = Clip(pictures=_numbered(120), options={"crf": "1", "g": "40", "bf": "2"}, muxer=muxer, rate=Fraction(25))
    source = write_clip(tmp_path / f"in.{muxer}", replace(clip, time_base=Fraction(1, 25)))
    times = [Fraction(n, 25) for n in range(120)]
    run(source, tmp_path / "whole.mp4")
    assert timestamps(tmp_path / "whole.mp4") == times
    assert [number_of(p) for p in pictures(tmp_path / "whole.mp4")] == list(range(120))
    for start in (35, 55, 85):
        run(source, tmp_path / "out.mp4", start_s=times[start], end_s=times[start + 3], overwrite=True)
        assert [number_of(p) for p in pictures(tmp_path / "out.mp4")] == [start, start + 1, start + 2]


def test_sound_is_cut_with_the_video(tmp_path: Path) -> None:
    clip = Clip(pictures=_numbered(90), beside=together(tone(codec="mp3", seconds=3), tone(codec="aac", seconds=3)))
    source = write_clip(tmp_path / "in.mkv", clip)
    run(source, tmp_path / "out.mkv", start_s=Fraction(1), end_s=Fraction(2))
    for index in range(2):
        cut, whole = packets(tmp_path / "out.mkv", "audio", index), packets(source, "audio", index)
        first = whole.index(cut[0])
        assert whole[first : first + len(cut)] == cut
        with av.open(str(tmp_path / "out.mkv")) as container:
            times = [p.pts * p.time_base for p in container.demux(container.streams.audio[index]) if p.pts is not None]
        assert 0 <= times[0] < 0.03
        assert 0.95 < times[-1] < 1


def test_a_cut_of_a_real_clip_is_frame_exact(tmp_path: Path) -> None:
    source = shared("video/cutBunny.mp4")
    run(source, tmp_path / "out.mp4", start_s=Fraction(5), end_s=Fraction(11, 2))
    assert timestamps(tmp_path / "out.mp4") == [Fraction(n, 24) for n in range(12)]
    wanted = pictures(source)[120:132]
    for painted, original in zip(pictures(tmp_path / "out.mp4"), wanted, strict=True):
        assert abs(painted.astype(int) - original).mean() < 3


@pytest.mark.parametrize("name", ["asl_book.mkv", "friday.mp4", "pancake.mkv", "ct_teddy.mp4"])
def test_real_clips_keep_count_and_timestamps(tmp_path: Path, name: str) -> None:
    source = shared(f"video/{name}")
    summary = run(source, tmp_path / "out.mp4")
    assert timestamps(tmp_path / "out.mp4") == timestamps(source)
    assert summary.incomplete is None
    assert summary.notices == ()


def test_a_start_after_the_end_of_the_video_is_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=_numbered(5)))
    with pytest.raises(SourceError, match="no frame from 10 s on"):
        run(source, tmp_path / "out.mp4", start_s=Fraction(10))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4"]


def test_an_end_before_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="end comes after the start"):
        run(tmp_path / "in.mp4", tmp_path / "out.mp4", start_s=Fraction(3), end_s=Fraction(3))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", Fraction(25, 2)),
        ("1:02.5", Fraction(125, 2)),
        ("1:00:00", Fraction(3600)),
        ("0", Fraction(0)),
        ("90", Fraction(90)),
    ],
)
def test_times_are_read_exactly(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "abc", "-1", "1:60", "1:2:3:4", "1e3", "nan", "1/2", "1:-2"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="seconds or h:m:s"):
        parse_time(text)


def test_timestamps_that_go_back_are_put_in_order_and_told() -> None:
    timeline = Timeline(step=10)
    assert [timeline.place(pts, None) for pts in (0, 10, 10, 9, None, 40)] == [0, 10, 11, 12, 22, 40]
    told: list[str] = []
    timeline.report(told.append)
    assert [text.split()[0] for text in told] == ["1", "2"]
