"""rtstyle.stylize_video from Python."""

from __future__ import annotations

import _thread
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

import rtstyle
from engines.errors import BadInputError
from engines.net_file import write_net
from tests.realtime.video.clips import Clip, identity_net, number_frame, number_of, pictures, timestamps, write_clip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_net(tmp_path / "identity.onnx", identity_net())
    return write_clip(tmp_path / "in.mp4", Clip(pictures=[number_frame(n) for n in range(60)]))


def test_it_paints_a_file_and_says_what_it_did(tmp_path: Path, source: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    summary = rtstyle.stylize_video(
        source,
        str(tmp_path / "out.mp4"),
        net=str(tmp_path / "identity.onnx"),
        start=0.5,
        end="0:00:01",
        progress=lambda frames, expected, _rate: seen.append((frames, expected)),
    )
    assert summary.frames == 15
    assert summary.output == tmp_path / "out.mp4"
    assert [number_of(p) for p in pictures(tmp_path / "out.mp4")] == list(range(15, 30))
    assert seen == [(n, 15) for n in range(1, 16)]


def test_notices_are_told_as_they_come(tmp_path: Path) -> None:
    write_net(tmp_path / "identity.onnx", identity_net())
    clip = Clip(pictures=[number_frame(0)] * 3, codec="ffv1", pixel_format="yuv420p10le", options={})
    deep = write_clip(tmp_path / "in.mkv", clip)
    told: list[str] = []
    summary = rtstyle.stylize_video(deep, tmp_path / "out.mp4", net=str(tmp_path / "identity.onnx"), notice=told.append)
    assert tuple(told) == summary.notices == ("yuv420p10le is converted to 8 bits",)


@pytest.mark.parametrize("start", [float("nan"), float("inf"), "soon", -1])
def test_what_is_no_time_is_refused(tmp_path: Path, source: Path, start: float | str) -> None:
    with pytest.raises(BadInputError, match=r"seconds|from 0 on"):
        rtstyle.stylize_video(source, tmp_path / "out.mp4", start=start)
    assert not (tmp_path / "out.mp4").exists()


def test_an_error_in_the_callers_progress_ends_the_job_and_leaves_nothing(tmp_path: Path, source: Path) -> None:
    def progress(frames: int, _expected: int | None, _rate: float) -> None:
        if frames == 3:
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        rtstyle.stylize_video(source, tmp_path / "out.mp4", net=str(tmp_path / "identity.onnx"), progress=progress)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["identity.onnx", "in.mp4"]


def test_an_interrupt_finishes_the_file_before_it_is_raised(tmp_path: Path, source: Path) -> None:
    def progress(frames: int, _expected: int | None, _rate: float) -> None:
        if frames == 3:
            _thread.interrupt_main()

    with pytest.raises(KeyboardInterrupt):
        rtstyle.stylize_video(source, tmp_path / "out.mp4", net=str(tmp_path / "identity.onnx"), progress=progress)
    times = timestamps(tmp_path / "out.mp4")
    assert len(times) >= 3
    assert times == [Fraction(n, 30) for n in range(len(times))]


def test_it_runs_without_torch(tmp_path: Path, source: Path) -> None:
    script = (
        "import sys\nsys.modules['torch'] = None\nimport rtstyle, json\n"
        "summary = rtstyle.stylize_video(sys.argv[1], sys.argv[2], end=0.2)\nprint(json.dumps(summary.frames))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(source), str(tmp_path / "out.mp4")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == 6
