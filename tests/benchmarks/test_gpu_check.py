"""The one command for a GPU: its steps are real processes here, the GPU is missing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from benchmarks import gpu_check
from benchmarks.gpu_check import CARDS, Cost, Step, cost_of, roofline_ms, run_step, steps_for, write_clip
from engines.errors import BackendError
from engines.library import Library
from engines.nvidia.driver import Gpu, find_gpu


def _no_gpu() -> bool:
    try:
        find_gpu()
    except BackendError:
        return True
    return False


def _later(seconds: float = 60) -> float:
    return time.monotonic() + seconds


def _python(code: str, **told: object) -> Step:
    return Step(label="x", command=("-c", code), **told)  # type: ignore[arg-type]


def _check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.gpu_check", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, cwd=Path(__file__).parents[2]
    )


@pytest.mark.skipif(not _no_gpu(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so_in_one_line() -> None:
    done = _check()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rtstyle: nothing to check: no NVIDIA ")
    assert done.stderr.count("\n") == 1


def test_what_a_step_prints_is_its_result() -> None:
    done = run_step(_python("print('{\"fps\": 7}')"), _later())
    assert (done["result"], "failure" in done) == ({"fps": 7}, False)


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("import sys; sys.exit('rtstyle: the GPU was lost')", "exit code 1: the GPU was lost"),
        ("import os; os.abort()", "exit code -6"),
        ("print('no JSON')", "exit code 0"),
    ],
)
def test_a_step_that_fails_in_any_way_is_a_line_and_no_exception(code: str, failure: str) -> None:
    assert run_step(_python(code), _later())["failure"].startswith(failure)


def test_a_step_that_hangs_is_ended_and_what_it_said_is_kept() -> None:
    code = "import time; print('test_one PASSED', flush=True); time.sleep(60)"
    done = run_step(_python(code, limit_s=1.5, lines=5), _later(), shortest_s=0.1)
    assert done["end"] == ["test_one PASSED"]
    assert done["failure"].startswith("not done after")


def test_what_a_card_may_lack_is_no_failure() -> None:
    done = run_step(
        _python("import sys; print('no encoder', file=sys.stderr); sys.exit(2)", may_be_missing=True), _later()
    )
    assert done["missing"] == "exit code 2: no encoder"
    assert "failure" not in done


def test_no_step_begins_when_the_time_is_up() -> None:
    assert run_step(_python("raise SystemExit(1)"), _later(1))["failure"] == "no time was left for it"


def test_the_steps_begin_with_a_figure_and_the_tests_and_name_every_net(tmp_path: Path) -> None:
    labels = [step.label for step in steps_for(["tensorrt", "torch"], tmp_path, tests=True)]
    assert labels[:3] == ["tensorrt fast 1280x720", "torch fast 1280x720", "pytest -m gpu"]
    assert len(set(labels)) == len(labels)
    assert {"video cuda h264_nvenc", "bench fps tensorrt", "tensorrt fast 1920x1080"} <= set(labels)


def test_results_are_written_after_each_step_with_the_machine_whatever_the_steps_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Gpu(name="NVIDIA Wood", capability=(8, 9), memory=8 << 30, driver="13.0")
    monkeypatch.setattr(gpu_check, "find_gpu", lambda: gpu)
    monkeypatch.setattr("benchmarks.results.RESULTS", tmp_path)
    steps = [
        Step(label="one", command=("-c", "print(1)")),
        Step(label="two", command=("-c", "import os; os.abort()")),
        Step(label="three", command=("-c", "print(3)")),
    ]
    monkeypatch.setattr(gpu_check, "steps_for", lambda *_, **__: iter(steps))
    with pytest.raises(gpu_check.typer.Exit) as ended:
        gpu_check.check(minutes=1, tests=False)
    assert ended.value.exit_code == 1
    written = json.loads((tmp_path / "gpu-nvidia-wood.json").read_text())
    assert [step.get("result") for step in written["steps"]] == [1, None, 3]
    assert any(failure.startswith("two: exit code") for failure in written["failures"])
    assert written["machine"]["packages"]["numpy"]


def test_the_clip_moves(tmp_path: Path) -> None:
    with av.open(str(write_clip(tmp_path / "clip.mp4", frames=3, size=(64, 48)))) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == 3
    assert abs(pictures[0].astype(int) - pictures[2]).mean() > 3


def test_the_cost_of_a_net_grows_with_the_area() -> None:
    net = Library().net("fast")
    small, large = cost_of(net, (320, 240)), cost_of(net, (1280, 960))
    assert large.gigamacs == pytest.approx(16 * small.gigamacs, rel=0.05)
    assert 10 < large.megabytes / small.megabytes < 17
    assert small.gigamacs > 0.1


def test_the_roofline_is_bytes_over_bandwidth_and_operations_over_speed() -> None:
    by_bytes, by_operations = roofline_ms(Cost(gigamacs=82.6, megabytes=1008), CARDS["RTX 4090"])
    assert by_bytes == pytest.approx(1)
    assert by_operations == pytest.approx(1)


def test_the_roofline_of_every_net_is_printed_without_a_gpu() -> None:
    done = _check("roofline")
    assert (done.returncode, done.stderr) == (0, "")
    named = {line.partition(" ")[0] for line in done.stdout.splitlines()[1:]}
    assert named == set(Library().nets())
    assert "RTX 4090" in done.stdout


@pytest.mark.skipif(not _no_gpu(), reason="there is a GPU here")
def test_a_rate_without_a_gpu_is_refused_in_one_line() -> None:
    done = _check("rate", "tensorrt", "fast", "64x48")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rtstyle: ")
    assert done.stderr.count("\n") == 1
