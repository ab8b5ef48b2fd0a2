"""`rtstyle video` as a user runs it: the real process, its exit code, what it prints and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from engines.net_file import write_net
from tests.conftest import shared
from tests.realtime.video.clips import (
    Clip,
    identity_net,
    number_frame,
    number_of,
    pictures,
    psnr,
    scene,
    timestamps,
    tone,
    write_clip,
)

_COMMAND = [sys.executable, "-m", "rtstyle", "video"]


def _rtstyle(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120)


def _identity(folder: Path) -> Path:
    write_net(folder / "identity.onnx", identity_net())
    return folder / "identity.onnx"


def _clip(path: Path, count: int = 12, **options: Any) -> Path:
    return write_clip(path, Clip(pictures=[number_frame(n) for n in range(count)], **options))


def test_a_video_is_painted_and_the_result_told_in_one_line(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(n) for n in range(12)], beside=tone(seconds=0.4)))
    done = _rtstyle(source, tmp_path / "out.mp4")
    assert done.returncode == 0
    assert done.stderr == ""  # no progress bar where nobody sees it
    assert done.stdout.startswith(f"{tmp_path / 'out.mp4'}: 12 frames of 64x48 in ")
    assert done.stdout.count("\n") == 1
    assert timestamps(tmp_path / "out.mp4") == timestamps(source)
    assert psnr(pictures(source), pictures(tmp_path / "out.mp4")) < 25  # it is a painting now


def test_json_is_one_object_with_all_the_facts(tmp_path: Path) -> None:
    source = _clip(tmp_path / "in.mkv", beside=tone(codec="libvorbis" if "libvorbis" in av.codecs_available else "mp2"))
    done = _rtstyle(source, tmp_path / "out.webm", "--json", "--net", _identity(tmp_path))
    facts = json.loads(done.stdout)
    assert facts["frames"] == 12
    assert facts["size"] == [64, 48]
    assert facts["output"] == str(tmp_path / "out.webm")
    assert facts["codec"] == "libvpx-vp9"
    assert facts["fps"] > 0
    assert set(facts["stage_seconds"]) == {"read", "paint", "write"}
    assert facts["interrupted"] is False
    assert [f"rtstyle: {text}\n" for text in facts["notices"]] == done.stderr.splitlines(keepends=True)


def test_a_cut_with_another_size_and_codec(tmp_path: Path) -> None:
    source = _clip(tmp_path / "in.mp4", 60)
    options = ["--start", "0:00:00.5", "--end", "1", "--size", "128x96", "--codec", "hevc", "--crf", "12"]
    done = _rtstyle(source, tmp_path / "out.mp4", "--net", _identity(tmp_path), "--preset", "ultrafast", *options)
    assert done.returncode == 0, done.stderr
    assert [number_of(p) for p in pictures(tmp_path / "out.mp4")] == list(range(15, 30))
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.width, context.height, context.codec.canonical_name) == (128, 96, "hevc")
        assert context.codec_tag == "hvc1"


def test_kept_colours_and_blends_and_strength_show(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(n, (128, 96)) for n in range(4)]))
    results = {}
    for name, options in {
        "full": [],
        "half": ["--strength", "0.5"],
        "none": ["--strength", "0"],
        "colors": ["--keep-colors"],
        "blend": ["--style", "udnie:0.5,wave:0.5"],
    }.items():
        done = _rtstyle(source, tmp_path / f"{name}.mp4", *options, "--crf", "1")
        assert done.returncode == 0, done.stderr
        results[name] = np.array(pictures(tmp_path / f"{name}.mp4"), float)
    original = np.array(pictures(source), float)
    assert psnr(results["none"], original) > 38
    assert psnr(results["half"], (results["full"] + original) / 2) > 30
    assert _chroma_error(results["colors"], original) < _chroma_error(results["full"], original) / 2
    assert psnr(results["blend"], results["full"]) < 35


def _chroma_error(left: Any, right: Any) -> float:
    blue = (left - left.mean(axis=-1, keepdims=True)) - (right - right.mean(axis=-1, keepdims=True))
    return float(np.abs(blue).mean())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["in.mp4", "out.mp4", "--start", "abc"], "a time is seconds or h:m:s"),
        (["in.mp4", "out.mp4", "--size", "10"], "expected a size as WIDTHxHEIGHT"),
        (["in.mp4", "out.mp4", "--style", "udney"], "did you mean udnie?"),
        (["in.mp4", "out.mp4", "--strength", "2"], "strength is 0 to 1"),
        (["in.mp4", "out.mp4", "--codec", "h265"], "no codec is called 'h265'"),
        (["in.mp4", "out.mp4", "--backend", "magic"], "no backend is called 'magic'"),
        (["none.mp4", "out.mp4"], "there is no such file"),
        (["in.mp4", "in.mp4", "--force"], "would overwrite the input"),
        (["in.mp4", "there.mp4"], "use --force"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(tmp_path: Path, arguments: list[str], text: str) -> None:
    _clip(tmp_path / "in.mp4")
    (tmp_path / "there.mp4").write_bytes(b"precious")
    done = _rtstyle(*(tmp_path / a if a.endswith(".mp4") else a for a in arguments))
    assert done.returncode == 2
    assert text in done.stderr
    assert done.stderr.startswith("rtstyle: ")
    assert done.stderr.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "there.mp4"]


def test_a_truncated_input_keeps_what_could_be_read_and_ends_with_code_2(tmp_path: Path) -> None:
    whole = _clip(tmp_path / "whole.mp4", 90, container_options={"movflags": "+faststart"})
    source = tmp_path / "in.mp4"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])
    done = _rtstyle(source, tmp_path / "out.mp4", "--net", _identity(tmp_path), "--json")
    assert done.returncode == 2
    frames = json.loads(done.stdout)["frames"]
    assert done.stderr.startswith(f"rtstyle: {source}: ends too early, ")
    assert done.stderr.endswith(f"of 90 frames could be read: {tmp_path / 'out.mp4'} holds those\n")
    assert timestamps(tmp_path / "out.mp4") == timestamps(whole)[:frames]


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = [scene(n, (640, 480)) for n in range(30)] * 8
    clip = Clip(pictures=frames, options={"crf": "20", "preset": "ultrafast"}, beside=tone(seconds=8))
    return write_clip(tmp_path_factory.mktemp("long") / "in.mp4", clip)


def _under_way(source: Path, target: Path, *options: str) -> subprocess.Popen[str]:
    """A job that has written something to its unfinished file."""
    process = subprocess.Popen(
        [*_COMMAND, str(source), str(target), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not any(part.stat().st_size > 50_000 for part in target.parent.glob(f".{target.name}.*.part")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_job_leaves_a_playable_file_of_what_was_done(
    tmp_path: Path, long_clip: Path, number: signal.Signals
) -> None:
    target = tmp_path / "out.mp4"
    process = _under_way(long_clip, target, "--json")
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == ""
    facts = json.loads(output)
    assert facts["interrupted"] is True
    times = timestamps(target)
    assert 0 < len(times) == facts["frames"] < 240
    assert times == timestamps(long_clip)[: len(times)]
    end = times[-1] + Fraction(1, 30)
    with av.open(str(target)) as container:
        heard = [f.pts * f.time_base for f in container.decode(audio=0)]
    assert end - Fraction(1, 20) < heard[-1] < end  # the sound ends with the picture
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_a_killed_job_leaves_nothing_under_the_output_name(tmp_path: Path, long_clip: Path) -> None:
    target = tmp_path / "out.mp4"
    process = _under_way(long_clip, target)
    process.kill()
    process.communicate(timeout=60)
    assert not target.exists()
    assert all(p.name.startswith(".") for p in tmp_path.iterdir())


def test_an_interrupt_before_the_first_frame_leaves_nothing(tmp_path: Path) -> None:
    source = _clip(tmp_path / "in.mp4")
    script = (
        "import os, signal, sys\nimport realtime.video.job as job\n"
        "def interrupted(*_, **__):\n    os.kill(os.getpid(), signal.SIGINT)\n    raise AssertionError\n"
        "job.open_pipeline = interrupted\nfrom rtstyle.cli import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "video", str(source), str(tmp_path / "out.mp4")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130
    assert done.stderr == "rtstyle: interrupted before there was anything to keep\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4"]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_on_a_terminal_a_bar_shows_frames_and_rate_and_the_notices_stay_readable(tmp_path: Path) -> None:
    source = _clip(tmp_path / "in.mkv", 40, codec="ffv1", pixel_format="yuv420p10le", options={})
    ours, theirs = os.openpty()
    try:
        process = subprocess.Popen(
            [*_COMMAND, str(source), str(tmp_path / "out.mp4"), "--net", str(_identity(tmp_path))],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        )
        os.close(theirs)
        seen = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            seen += chunk
        process.communicate(timeout=60)
    finally:
        os.close(ours)
    assert process.returncode == 0
    assert b"40/40" in seen
    assert b"frames/s" in seen
    assert b"rtstyle: yuv420p10le is converted to 8 bits" in seen


def test_a_real_clip_is_painted_with_its_sound(tmp_path: Path) -> None:
    source = shared("video/friday.mp4")
    done = _rtstyle(source, tmp_path / "out.mp4", "--end", "1", "--style", "wave")
    assert done.returncode == 0, done.stderr
    assert timestamps(tmp_path / "out.mp4") == timestamps(source)[:30]
