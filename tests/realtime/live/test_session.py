from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engines.errors import BadInputError, MissingPackageError, OutputError, SourceError
from realtime.live.controls import Controls, Message
from realtime.live.session import CamOptions, CamSummary, run_camera
from realtime.stats import now_ns
from realtime.user_options import StyleOptions
from tests.realtime.live.clips import write_clip
from tests.realtime.live.mjpeg import MjpegCamera
from tests.realtime.live.waiting import wait_until

_SIZE = (64, 48)


def _run(**told: object) -> CamSummary:
    notices: list[str] = []
    return run_camera(CamOptions(headless=True, **told), notify=notices.append)  # type: ignore[arg-type]


def test_a_run_ends_after_the_wanted_number_of_frames_and_says_what_it_was() -> None:
    summary = _run(source="test-pattern", size=_SIZE, styling=StyleOptions(style="wave", net="fast"), frames=20)
    assert summary.shown == 20
    assert summary.captured == summary.shown + summary.dropped
    assert (summary.size, summary.style, summary.net, summary.interrupted) == (_SIZE, "wave", "fast", False)
    assert summary.fps > 0
    assert set(summary.stages_ms) == {"capture", "wait", "infer", "show"}
    for percentiles in (summary.latency_ms, *summary.stages_ms.values()):
        assert percentiles is not None
        assert 0 <= percentiles["p50"] <= percentiles["p95"] <= percentiles["p99"]


def test_a_run_ends_after_the_wanted_seconds() -> None:
    assert 0.2 < _run(source="test-pattern", size=_SIZE, seconds=0.6).seconds < 3


def test_a_file_ends_at_its_end_and_is_recorded_with_its_own_times(tmp_path: Path) -> None:
    times = [0, 100, 150, 400, 500, 700]
    clip = str(write_clip(tmp_path / "vfr.mkv", times))
    summary = _run(source=clip, record=tmp_path / "out.mp4")
    assert (summary.captured, summary.shown, summary.dropped) == (6, 6, 0)
    assert summary.recorded == [str(tmp_path / "out.mp4")]
    with av.open(str(tmp_path / "out.mp4")) as container:
        base = container.streams.video[0].time_base or Fraction(1)
        stamps = [float((frame.pts or 0) * base) * 1000 for frame in container.decode(video=0)]
    np.testing.assert_allclose(stamps, times, atol=0.2)


def test_stop_ends_a_run_that_has_no_end(tmp_path: Path) -> None:
    stop = threading.Event()

    def stop_it() -> None:
        try:
            wait_until(lambda: any(path.stat().st_size for path in tmp_path.glob(".*part.mp4")))
        finally:
            stop.set()

    thread = threading.Thread(target=stop_it)
    thread.start()
    options = CamOptions(source="test-pattern", size=_SIZE, headless=True, record=tmp_path / "out.mp4")
    summary = run_camera(options, notify=lambda _: None, stop=stop)
    thread.join()
    assert summary.interrupted
    assert summary.shown > 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_camera_that_is_cut_off_and_comes_back_is_one_run_with_one_reconnect() -> None:
    notices: list[str] = []
    with MjpegCamera(size=_SIZE) as camera:

        def cut_off() -> None:
            wait_until(lambda: camera.number >= 15)
            camera.go_away()
            try:
                wait_until(lambda: any("reconnecting" in text for text in notices))
            finally:
                camera.come_back()

        thread = threading.Thread(target=cut_off)
        thread.start()
        options = CamOptions(source=camera.url, headless=True, frames=80, seconds=120)
        summary = run_camera(options, notify=notices.append)
        thread.join()
    assert summary.reconnects == 1
    assert summary.shown == 80


def test_a_program_can_do_all_that_keys_do_without_a_window(tmp_path: Path) -> None:
    attached: list[Controls] = []

    def program() -> None:
        wait_until(lambda: attached)
        (controls,) = attached

        def tell(name: str, value: object = None) -> None:
            controls.handle(Message(name, value), now_ns())

        try:
            tell("style", "wave")
            tell("record")
            wait_until(lambda: any(path.stat().st_size for path in tmp_path.glob(".*part.mp4")))
            tell("record")
            wait_until(lambda: list(tmp_path.glob("rtstyle-*.mp4")))
            tell("snapshot")
            wait_until(lambda: list(tmp_path.glob("rtstyle-*.png")))
        finally:
            tell("quit")

    thread = threading.Thread(target=program)
    thread.start()
    options = CamOptions(
        source="test-pattern", size=_SIZE, styling=StyleOptions(net="fast"), headless=True, folder=tmp_path
    )
    summary = run_camera(options, notify=lambda _: None, attach=attached.append)
    thread.join()
    assert (summary.style, summary.interrupted) == ("wave", False)
    assert summary.recorded == [str(path) for path in tmp_path.glob("*.mp4")]


def test_what_cannot_be_done_is_said_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="own rate"):
        _run(source=str(tmp_path / "x.mp4"), fps=10.0)
    with pytest.raises(BadInputError, match="only a file can be looped"):
        _run(source="test-pattern", loop=True)
    with pytest.raises(SourceError, match="no such file"):
        _run(source=str(tmp_path / "x.mp4"))
    with pytest.raises(OutputError, match="no such folder"):
        _run(source="test-pattern", record=tmp_path / "none" / "x.mp4")
    with pytest.raises(BadInputError, match="no style is called"):
        _run(source="test-pattern", styling=StyleOptions(style="udnei"))


def test_a_virtual_camera_needs_its_package_or_a_device() -> None:
    with pytest.raises((MissingPackageError, OutputError), match=r"rtstyle\[virtual-camera\]|v4l2loopback"):
        _run(source="test-pattern", size=_SIZE, frames=1, virtual_camera=True)


@pytest.mark.parametrize(
    "told",
    [
        {"size": (8, 8)},
        {"fps": 0.0},
        {"fps": float("nan")},
        {"frames": 0},
        {"seconds": 0.0},
        {"seconds": float("nan")},
        {"stall_s": 0.0},
        {"source": ""},
        {"force": True},
    ],
)
def test_values_without_a_meaning_are_refused(told: dict[str, object]) -> None:
    with pytest.raises(BadInputError):
        CamOptions(**told)  # type: ignore[arg-type]
