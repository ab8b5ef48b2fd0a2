from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from engines.errors import SourceError
from realtime.live.capture import Capture, same_pixels
from realtime.live.media import MediaSource
from realtime.live.source import Grab, LiveFrame, Source, Timing
from realtime.queues import Closed
from realtime.stats import now_ns
from tests.realtime.live.clips import write_clip
from tests.realtime.live.mjpeg import MjpegCamera


class _Running:
    """A capture in its thread; everything it handed over, newest last."""

    def __init__(self, source: Source, reopen: Callable[[], Source], *, loop: bool, stall_s: float) -> None:
        self.stopping, self.notices, self.frames = threading.Event(), [], []  # type: ignore[var-annotated]
        first = source.read()
        self.capture = Capture(
            source,
            first,
            reopen=reopen,
            loop=loop,
            stall_s=stall_s,
            stopping=self.stopping,
            notify=self.notices.append,
        )
        self.thread = threading.Thread(target=self.capture.work)

    def get(self) -> LiveFrame:
        frame = self.capture.frames.get(10)
        assert frame is not None, f"nothing came for 10 s: {self.capture.trouble}"
        self.frames.append(frame)
        return frame

    def get_until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not done():
            assert time.monotonic() < deadline, f"never came: {self.notices}, {self.capture.trouble}"
            frame = self.capture.frames.get(0.05)
            if frame is not None:
                self.frames.append(frame)


@contextmanager
def _running(
    source: Source, reopen: Callable[[], Source] | None = None, *, loop: bool = False, stall_s: float = 5
) -> Iterator[_Running]:
    running = _Running(source, reopen or (lambda: source), loop=loop, stall_s=stall_s)
    running.thread.start()
    try:
        yield running
    finally:
        running.stopping.set()
        running.thread.join()


class _Scripted:
    """A camera with a clock, which this machine has none of: gives (clock, grey) as told, for ever the last."""

    timing: Timing = "live"
    name = "scripted"

    def __init__(self, *script: tuple[float, int]) -> None:
        self._script = itertools.chain(script, itertools.repeat(script[-1]))
        self.closed = 0

    def read(self) -> Grab:
        time.sleep(0.01)
        clock_s, grey = next(self._script)
        return Grab(picture=np.full((48, 64, 3), grey, np.uint8), captured_ns=now_ns(), clock_s=clock_s)

    def rewind(self) -> None:
        raise SourceError("a camera")

    def close(self) -> None:
        self.closed += 1


def test_a_frame_that_the_driver_hands_out_twice_is_counted_as_a_duplicate_and_not_handed_on() -> None:
    source = _Scripted((1, 10), (1, 10), (2, 20), (2, 20), (2, 20), (3, 30))
    with _running(source) as running:
        running.get_until(lambda: running.capture.duplicates >= 6)
    assert running.capture.captured == 3
    numbers = [frame.number for frame in running.frames]
    assert numbers == sorted(set(numbers))
    assert source.closed >= 1


def test_a_new_frame_with_the_old_picture_keeps_the_pictures_id() -> None:
    with _running(_Scripted((1, 9), *[(n, 10) for n in range(2, 50)], (60, 99))) as running:
        running.get_until(lambda: bool(running.frames) and int(running.frames[-1].picture[0, 0, 0]) == 99)
    same = {frame.picture_id for frame in running.frames if int(frame.picture[0, 0, 0]) == 10}
    assert same == {1}
    assert running.frames[-1].picture_id == running.frames[-1].number == 49
    assert running.capture.duplicates == 0 or running.capture.captured == 49


def test_a_camera_that_comes_back_is_found_again_and_this_is_said_once() -> None:
    with (
        MjpegCamera() as camera,
        _running(MediaSource(camera.url, stall_s=5), lambda: MediaSource(camera.url, stall_s=5)) as running,
    ):
        running.get()
        camera.go_away()
        running.get_until(lambda: "trying again" in (running.capture.trouble or ""))
        time.sleep(1.2)  # some attempts fail
        camera.come_back()
        running.get_until(lambda: running.capture.reconnects == 1)
        before = running.get().number
        running.get_until(lambda: running.frames[-1].number > before)
        assert running.capture.trouble is None
    assert len(running.notices) == 2
    assert "reconnecting" in running.notices[0]
    assert "is back after" in running.notices[1]


def test_a_camera_that_repeats_its_last_picture_for_ever_is_opened_again() -> None:
    with (
        MjpegCamera() as camera,
        _running(
            MediaSource(camera.url, stall_s=5), lambda: MediaSource(camera.url, stall_s=5), stall_s=0.6
        ) as running,
    ):
        running.get()
        camera.moving.clear()
        running.get_until(lambda: running.capture.reconnects == 1)
        running.get()
        assert "has not changed" in (running.capture.trouble or "")
        camera.moving.set()
        running.get_until(lambda: running.capture.trouble is None)
    assert camera.visits == 2
    assert "its picture has not changed for 0.6 s: reconnecting" in running.notices[0]
    assert "moving again" in running.notices[-1]


def test_a_camera_whose_clock_stands_still_is_opened_again() -> None:
    moving = [(7.0, n % 200) for n in range(2000)]
    with _running(_Scripted(*moving), lambda: _Scripted(*moving), stall_s=0.5) as running:
        running.get_until(lambda: running.capture.reconnects == 1)
    assert "its clock stands still" in running.notices[0]


def test_a_file_is_played_at_its_own_rate_and_ends(tmp_path: Path) -> None:
    times = [0, 60, 100, 300, 330, 600]
    clip = str(write_clip(tmp_path / "vfr.mkv", times))
    with _running(MediaSource(clip, stall_s=5)) as running:
        began_ns = now_ns()
        try:
            while True:
                running.get()
        except Closed:
            took_s = (now_ns() - began_ns) / 1e9
    assert [frame.number for frame in running.frames] == [1, 2, 3, 4, 5, 6]
    due = [(frame.captured_ns - running.frames[0].captured_ns) / 1e6 for frame in running.frames]
    np.testing.assert_allclose(due, times, atol=0.1)
    assert took_s >= 0.55


def test_a_looped_file_starts_again(tmp_path: Path) -> None:
    clip = str(write_clip(tmp_path / "short.mkv", [0, 30, 60]))
    with _running(MediaSource(clip, stall_s=5), loop=True) as running:
        running.get_until(lambda: running.capture.captured >= 7)
    stamps = [frame.captured_ns for frame in running.frames]
    assert stamps == sorted(stamps)


def test_a_held_file_waits_and_goes_on_where_it_was(tmp_path: Path) -> None:
    clip = str(write_clip(tmp_path / "clip.mkv", list(range(0, 600, 20))))
    with _running(MediaSource(clip, stall_s=5)) as running:
        running.get()
        running.capture.hold(True)
        time.sleep(0.1)
        held_at = running.capture.captured
        time.sleep(0.5)
        assert running.capture.captured <= held_at + 1
        running.capture.hold(False)
        running.get_until(lambda: running.capture.captured == 30)


def test_same_pixels_sees_a_difference_of_one_in_one_pixel() -> None:
    one = np.zeros((50, 70, 3), np.uint8)
    other = one.copy()
    assert same_pixels(one, other)
    other[33, 7, 1] = 1
    assert not same_pixels(one, other)
    assert not same_pixels(one, one[:49])
