"""What a job says of its threads' time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from realtime.video.job import VideoSummary
from realtime.video.writer import VideoWriter
from tests.realtime.video.clips import Clip, run, scene, tone, write_clip


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
    write = VideoWriter.write

    def slowly(self: VideoWriter, *arguments: object, **options: object) -> None:
        time.sleep(0.02)
        write(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(VideoWriter, "write", slowly)
    summary = run(clip, tmp_path / "out.mp4")
    _sums_fit(summary)
    threads = summary.thread_seconds
    # 30 frames of 20 ms each, of which 10 and less are in the queues when the others have done all of theirs
    assert threads["read"]["wait_out"] > 0.2
    assert threads["paint"]["wait_out"] > 0.2
    assert threads["write"]["wait_in"] < 0.2
