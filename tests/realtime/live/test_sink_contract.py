"""What holds for every sink of live frames. A new one is a function in `_SINKS`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from realtime.live.controls import Request
from realtime.live.outputs import Display, VirtualCamera
from realtime.live.record import Recorder
from tests.realtime.live.sink_contract import CONTRACT, SIZE, Opened, frame
from tests.xvfb import x_server


def _display(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:  # noqa: ARG001
    display = Display(turn=lambda: True, folder=folder)
    return display, lambda: display.shown


def _recorder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:  # noqa: ARG001
    recorder = Recorder(SIZE, folder=folder, tell=lambda error: pytest.fail(str(error)))
    recorder.start(folder / "out.mp4")
    return recorder, lambda: recorder.frames


def _virtual_camera(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:  # noqa: ARG001
    """No machine of ours has a loopback device: a stand-in takes pyvirtualcam's place."""
    sent: list[np.ndarray] = []

    class Camera:
        def __init__(self, *, width: int, height: int, fps: float) -> None:
            assert (width, height, fps) == (*SIZE, 30.0)
            self.device, self.closed = "/dev/video7", False

        def send(self, picture: np.ndarray) -> None:
            assert not self.closed
            assert (picture.shape, picture.dtype) == ((SIZE[1], SIZE[0], 3), np.uint8)
            sent.append(picture)

        def close(self) -> None:
            self.closed = True

    module = ModuleType("pyvirtualcam")
    module.Camera = Camera  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    return VirtualCamera(SIZE, fps=None), lambda: len(sent)


_SINKS = [_display, _recorder, _virtual_camera]
_checks = pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)


@_checks
@pytest.mark.parametrize("make", _SINKS, ids=lambda make: make.__name__.strip("_"))
def test_a_sink_keeps_the_contract(
    make: Callable[[Path, pytest.MonkeyPatch], Opened],
    check: Callable[[Opened], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check(make(tmp_path, monkeypatch))


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb: apt-get install xvfb")
def test_the_window_keeps_the_contract(tmp_path: Path) -> None:
    with x_server() as display:
        done = subprocess.run(
            [sys.executable, "-m", "tests.realtime.live.sink_contract", str(tmp_path)],
            env=os.environ | {"DISPLAY": display},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.stdout.splitlines() == [check.__name__ for check in CONTRACT], done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("make", "expected"), [(_display, 0), (_recorder, 0), (_virtual_camera, 1)])
def test_a_frame_that_is_painted_again_is_shown_and_sent_and_neither_counted_nor_recorded(
    make: Callable[[Path, pytest.MonkeyPatch], Opened], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, came = make(tmp_path, monkeypatch)
    sink.offer(frame(1, again=True))
    sink.close()
    sink.work()
    assert came() == expected


def test_a_snapshot_is_what_is_shown_at_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink, _ = _display(tmp_path, monkeypatch)
    assert sink.obey(Request.SNAPSHOT) is None
    sink.offer(frame(3))
    sink.offer(frame(4, again=True))
    sink.close()
    sink.work()
    said = sink.obey(Request.SNAPSHOT)
    (path,) = tmp_path.iterdir()
    assert said == f"saved {path.name}"
    np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], frame(4).result)
