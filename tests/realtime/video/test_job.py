"""What a job says of its threads' time; long videos, and all kinds of sizes and timestamps."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.tasks import BoundedQueue
from realtime.video.job import VideoSummary
from realtime.video.reader import Timeline
from realtime.video.writer import VideoWriter
from tests.realtime.video.clips import Clip, number_frame, number_of, pictures, run, scene, timestamps, tone, write_clip
from tests.rtstyle.command import ROOT


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(n) for n in range(30)], beside=tone(seconds=1)))


def _sums_fit(summary: VideoSummary) -> None:
    """No thread did more than there was time for, and the stages are what is left without the waits."""
    assert set(summary.thread_seconds) == set(summary.stage_seconds)
    for stage, parts in summary.thread_seconds.items():
        assert all(seconds >= 0 for seconds in parts.values())
        assert sum(parts.values()) <= summary.seconds + 0.005
        busy = sum(seconds for part, seconds in parts.items() if not part.startswith("wait"))
        assert summary.stage_seconds[stage] == pytest.approx(busy, abs=0.001)


def test_each_thread_has_its_parts_and_none_is_longer_than_the_job(tmp_path: Path, clip: Path) -> None:
    summary = run(clip, tmp_path / "out.mp4")
    assert {stage: list(parts) for stage, parts in summary.thread_seconds.items()} == {
        "read": ["decode", "convert", "wait_out"],
        "paint": ["wait_in", "infer", "wait_out"],
        "write": ["wait_in", "convert", "encode", "streams"],
    }
    _sums_fit(summary)
    assert summary.thread_seconds["paint"]["infer"] > 0


def test_a_slow_end_shows_as_waiting_for_room_before_it(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, put = VideoWriter.write, BoundedQueue.put
    began_s = time.monotonic()
    puts: Counter[str] = Counter()
    waiting: set[str] = set()
    first_s: list[float] = []

    def watched_put(self: BoundedQueue[object], item: object) -> None:
        name = threading.current_thread().name
        puts[name] += 1
        waiting.add(name)
        put(self, item)
        waiting.discard(name)

    def others_wait_for_room() -> bool:
        before = dict(puts)
        time.sleep(0.05)
        return waiting >= {"rtstyle-read", "rtstyle-paint"} and before == dict(puts)

    def slowly(self: VideoWriter, *arguments: object, **options: object) -> None:
        if not first_s:  # the queues take 10 of 30 frames: sooner or later both of the others wait
            first_s.append(time.monotonic() - began_s)
            while not others_wait_for_room():
                assert time.monotonic() - began_s < 60
            time.sleep(0.25)
        time.sleep(0.02)
        write(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(BoundedQueue, "put", watched_put)
    monkeypatch.setattr(VideoWriter, "write", slowly)
    summary = run(clip, tmp_path / "out.mp4")
    _sums_fit(summary)
    threads = summary.thread_seconds
    assert threads["read"]["wait_out"] > 0.2
    assert threads["paint"]["wait_out"] > 0.2
    assert threads["write"]["wait_in"] < 0.2 + first_s[0]


def test_memory_stays_as_it_is_on_a_long_video(tmp_path: Path) -> None:
    frames = [number_frame(n, (32, 32)) for n in range(30)] * 200
    source = write_clip(tmp_path / "in.mkv", Clip(pictures=frames, options={"preset": "ultrafast"}))
    command = [
        sys.executable,
        "-m",
        "tests.realtime.video.watched_job",
        source,
        tmp_path / "out.mkv",
    ]  # nobody else's memory
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    facts = json.loads(done.stdout)
    resident = facts["resident"]
    assert facts["frames"] == 6000
    assert list(resident) == [str(number) for number in range(1000, 7000, 1000)]
    assert resident["6000"] - resident["1000"] < 2 * 2**20  # one frame kept per frame would be 15 MB


@settings(max_examples=12, deadline=None)
@given(width=st.integers(16, 70), height=st.integers(16, 70))
def test_every_size_from_16_up_comes_out_as_it_went_in(width: int, height: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "in.mkv", Path(name) / "out.mp4"
        clip = Clip(pictures=[number_frame(n, (width, height)) for n in range(2)], codec="ffv1", options={})
        summary = run(write_clip(source, clip), target)
        with av.open(str(target)) as container:
            context = container.streams.video[0].codec_context
            assert summary.size == (context.width, context.height) == (width, height)


@settings(max_examples=10, deadline=None)
@given(steps=st.lists(st.integers(1, 20000), min_size=1, max_size=12))
def test_all_increasing_timestamps_come_through(steps: list[int]) -> None:
    pts = [sum(steps[:n]) for n in range(len(steps))]
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "in.mp4", Path(name) / "out.mp4"
        clip = Clip(pictures=[number_frame(n) for n in range(len(pts))], pts=pts, time_base=Fraction(1, 90000))
        run(write_clip(source, clip), target, preset="veryfast")
        assert timestamps(target) == [Fraction(p, 90000) for p in pts]
        assert [number_of(p) for p in pictures(target)] == list(range(len(pts)))


@given(st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), max_size=30))
def test_whatever_a_file_says_timestamps_increase(stamps: list[int | None]) -> None:
    timeline = Timeline(step=5)
    placed = [timeline.place(stamp, None) for stamp in stamps]
    assert all(earlier < later for earlier, later in pairwise(placed))
    if placed == stamps:
        assert timeline.moved == timeline.guessed == 0
    else:
        assert timeline.moved or timeline.guessed
