"""Runners in real processes: what they time, and how they end."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.peers.launcher import PeerProcess

from engines.errors import BackendError
from tests.benchmarks.peers.programs import IDENTITY, job_for, opened, written

_STREAM = """
def open_program(job):
    def stream(frames, sink):
        for number, frame in enumerate(frames):
            {kept}
    return {{"about": "a stream", "call": lambda frame: frame, "stream": stream}}
"""
_NOISY = """
import os, sys

def open_program(job):
    def call(frame):
        print("printed", flush=True)
        os.write(1, b"written\\n")
        return frame
    return {"about": "noisy", "call": call}
"""
_SLOW = """
import time

def open_program(job):
    def call(frame):
        time.sleep(0.05)
        return frame
    return {"about": "slow", "call": call}
"""
_DIES = """
import os

def open_program(job):
    left = [1]
    return {"about": "", "call": lambda frame: frame if left and left.pop() else os.abort()}
"""
_FAILURES = {
    "raises": ('raise KeyError("net")', r"^KeyError: 'net'$"),
    "raises in plain words": ('raise RuntimeError("no such\\nlibrary")', r"^no such library$"),
    "ends": (
        'import os, sys; print("last words", file=sys.stderr, flush=True); os._exit(3)',
        r"^it ended with exit code 3: last words$",
    ),
    "half a picture": (
        'return {"about": "", "call": lambda frame: frame[:8]}',
        r"expected a picture as uint8 \(16, 20, 3\), got uint8 \(8, 20, 3\)$",
    ),
    "floats": ('return {"about": "", "call": lambda frame: frame / 255}', r"got float64 \(16, 20, 3\)$"),
}


def test_the_identity_is_timed_and_leaves_its_picture(tmp_path: Path) -> None:
    with opened(tmp_path, IDENTITY) as process:
        assert (process.ready["about"], process.ready["ways"]) == ("nothing", ["call"])
        assert process.ready["versions"] == {"numpy": np.__version__}
        for frames in (7, 4):
            done = process.run("call", frames=frames, warm_up=2, most_s=60)
            assert done["frames"] == frames
            assert done["fps"] > 0
    assert np.array_equal(np.load(tmp_path / "picture.npy"), np.load(tmp_path / "clip.npy")[0])


def test_a_program_that_wants_bgr_gets_it_and_its_picture_is_rgb(tmp_path: Path) -> None:
    program = "    call = lambda frame: frame * [1, 1, 0]\n"
    text = f"import numpy as np\ndef open_program(job):\n{program}"
    text += '    return {"about": "", "call": lambda f: call(f).astype(np.uint8), "bgr": ["call"]}\n'
    with opened(tmp_path, text):
        pass
    expected = np.load(tmp_path / "clip.npy")[0] * np.array([0, 1, 1], np.uint8)
    assert np.array_equal(np.load(tmp_path / "picture.npy"), expected)


def test_a_stream_of_its_own_is_timed_and_has_to_give_every_picture(tmp_path: Path) -> None:
    with opened(tmp_path, _STREAM.format(kept="sink(frame)")) as process:
        assert process.ready["ways"] == ["call", "stream"]
        assert process.run("stream", frames=5, warm_up=1, most_s=60)["frames"] == 5
    with (
        opened(tmp_path, _STREAM.format(kept="number or sink(frame)")) as process,
        pytest.raises(BackendError, match=r"expected 6 pictures, got 1$"),
    ):
        process.run("stream", frames=5, warm_up=1, most_s=60)


def test_what_a_library_prints_is_no_answer(tmp_path: Path) -> None:
    with opened(tmp_path, _NOISY) as process:
        assert process.run("call", frames=3, warm_up=1, most_s=60)["frames"] == 3


def test_a_slow_program_is_timed_over_fewer_frames(tmp_path: Path) -> None:
    with opened(tmp_path, _SLOW) as process:
        assert 3 <= process.run("call", frames=1000, warm_up=1, most_s=0.3)["frames"] < 10


@pytest.mark.parametrize(("body", "reason"), _FAILURES.values(), ids=_FAILURES)
def test_a_program_that_cannot_run_has_a_reason(tmp_path: Path, body: str, reason: str) -> None:
    with pytest.raises(BackendError, match=reason):
        opened(tmp_path, f"def open_program(job):\n    {body}\n")


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"^it took longer than 1 s$"):
        opened(tmp_path, "import time\ntime.sleep(100)\n", open_s=1)


def test_a_program_that_dies_later_has_a_reason(tmp_path: Path) -> None:
    with opened(tmp_path, _DIES) as process, pytest.raises(BackendError, match=r"^it was ended by signal 6|exit code"):
        process.run("call", frames=3, warm_up=1, most_s=60)


def test_a_python_that_is_not_there_is_a_reason(tmp_path: Path) -> None:
    job = job_for(tmp_path, written(tmp_path, IDENTITY))
    with pytest.raises(BackendError, match=r"python3 cannot be started: "):
        PeerProcess(tmp_path / "python3", job, here=False)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to some cores")
def test_a_program_stays_on_as_many_cores_as_it_has_threads(tmp_path: Path) -> None:
    text = IDENTITY.replace('"nothing"', "f\"{len(os.sched_getaffinity(0))} {os.environ['OMP_NUM_THREADS']}\"")
    with opened(tmp_path, f"import os\n{text}") as process:
        assert process.ready["about"] == "1 1"
