"""Long videos and all kinds of sizes and timestamps."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.video.reader import Timeline
from tests.realtime.video.clips import Clip, number_frame, number_of, pictures, run, timestamps, write_clip
from tests.rtstyle.command import ROOT


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
