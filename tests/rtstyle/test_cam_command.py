"""The real command in its own process, without a window."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from tests.realtime.live.mjpeg import MjpegCamera
from tests.realtime.live.waiting import wait_until

_PATTERN = ("--source", "test-pattern", "--size", "64x48", "--headless")


def _cam(*told: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rtstyle", "cam", *told],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | environment,
    )


def _refused(*told: str, **environment: str) -> str:
    """The one line with which a wrong use ends."""
    done = _cam(*told, **environment)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def _frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_the_summary_is_one_json_object_and_all_of_stdout() -> None:
    done = _cam(*_PATTERN, "--frames", "12", "--style", "udnie:0.6,wave:0.4", "--net", "fast", "--mirror", "--json")
    summary = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (summary["shown"], summary["size"], summary["style"]) == (12, [64, 48], "udnie:0.6,wave:0.4")
    assert {"captured", "dropped", "duplicates", "reused", "reconnects", "fps"} <= set(summary)
    assert set(summary["latency_ms"]) == {"p50", "p95", "p99"}
    assert set(summary["stages_ms"]) == {"capture", "wait", "infer", "show"}


def test_frames_that_warm_up_are_shown_and_not_timed() -> None:
    paced = (*_PATTERN, "--fps", "50", "--frames", "12", "--json")
    for warm_up, timed in ((0, 11), (8, 4)):
        summary = json.loads(_cam(*paced, "--warm-up", str(warm_up)).stdout)
        assert summary["shown"] == 12
        assert round(summary["fps"] * summary["seconds"]) == timed
    assert "fewer than are shown" in _refused(*paced, "--warm-up", "12")


def test_the_precision_asked_for_is_the_one_that_runs() -> None:
    done = _cam(*_PATTERN, "--frames", "3", "--precision", "f32", "--backend", "openvino", "--json")
    summary = json.loads(done.stdout)
    assert (summary["precision"], summary["in_flight"]) == ("f32", 2)
    assert "precision is one of f32, bf16, f16, int8" in _refused(*_PATTERN, "--precision", "f64")


def test_for_people_there_is_a_line() -> None:
    done = _cam(*_PATTERN, "--frames", "3")
    assert done.returncode == 0
    assert done.stdout.startswith("3 frames shown")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_cleanly_and_leaves_a_whole_recording(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out.mp4"
    child = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "rtstyle",
            "cam",
            *_PATTERN,
            "--net",
            "fast",
            "--fps",
            "30",
            "--record",
            str(out),
            "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: any(path.stat().st_size for path in tmp_path.glob(".*part.mp4")))
    child.send_signal(number)
    stdout, stderr = child.communicate(timeout=30)
    assert (child.returncode, stderr) == (130, "")
    summary = json.loads(stdout)
    assert summary["interrupted"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert _frames(out) == summary["recorded_frames"] > 0


def test_an_existing_recording_is_kept_unless_forced(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"mine")
    assert "--force" in _refused(*_PATTERN, "--frames", "3", "--record", str(out))
    assert out.read_bytes() == b"mine"
    started = time.monotonic()
    done = _cam(*_PATTERN, "--frames", "3", "--record", str(out), "--force", "--json")
    assert done.returncode == 0
    frames = _frames(out)
    assert frames == json.loads(done.stdout)["recorded_frames"]
    assert 1 <= frames <= 3 + 30 * (time.monotonic() - started)  # pauses of a busy machine are filled, in real time


def test_without_a_camera_one_line_says_what_was_tried_and_what_else_there_is() -> None:
    if Path("/dev/video63").exists():
        pytest.skip("this machine has that many cameras")
    line = _refused("--source", "63", "--headless")
    assert "63" in line
    assert all(hint in line for hint in ("--source FILE", "http://", "test-pattern"))


def test_the_list_says_when_there_is_no_camera_and_is_json_when_asked() -> None:
    assert _cam("--list").returncode == 0
    assert isinstance(json.loads(_cam("--list", "--json").stdout), list)


def test_no_password_gets_out(tmp_path: Path) -> None:
    """Neither from an address that cannot be opened, nor from a camera that goes away for a while."""
    line = _refused("--source", "rtsp://me:geheim@127.0.0.1:1/x?token=geheim", "--headless")
    assert "geheim" not in line
    said = tmp_path / "stderr"
    with said.open("w") as stderr, MjpegCamera(size=(64, 48), login="me:geheim") as camera:
        child = subprocess.Popen(
            [sys.executable, "-m", "rtstyle", "cam", "--source", camera.url, "--headless", "--frames", "80", "--json"],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        wait_until(lambda: camera.number >= 15)
        camera.go_away()
        wait_until(lambda: "reconnecting" in said.read_text())
        camera.come_back()
        stdout, _ = child.communicate(timeout=120)
    assert child.returncode == 0
    assert "geheim" not in stdout + said.read_text()
    assert json.loads(stdout)["reconnects"] == 1
    assert said.read_text().count("reconnecting") == 1


def test_without_a_display_one_line_points_to_headless() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only X11 can be missing")
    for display in ("", ":4711"):
        line = _refused("--source", "test-pattern", DISPLAY=display)
        assert "display" in line
        assert "--headless" in line


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (("--size", "big"), "WIDTHxHEIGHT"),
        (("--strength", "2"), "strength is 0 to 1"),
        (("--frames", "0"), "1 or more"),
        (("--style", "udnei"), "did you mean udnie"),
        (("--backend", "none"), "no backend is called"),
        (("--record", "out.gif"), ".mp4"),
    ],
)
def test_wrong_use_is_one_line(told: tuple[str, ...], why: str) -> None:
    assert why in _refused("--source", "test-pattern", "--headless", *told)
