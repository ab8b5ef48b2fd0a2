from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import SourceError
from realtime.live.capture import BackOff, Capture, Pacer, StallWatch
from realtime.live.frame import LiveFrame, Source, Timing
from realtime.live.sources import MediaSource
from realtime.stats import now_ns
from realtime.tasks import Closed
from tests.realtime.live.clips import write_clip
from tests.realtime.live.mjpeg import MjpegCamera

_MS = 1_000_000
_TIMES = st.lists(st.floats(0.001, 4.0), min_size=1, max_size=60)


class _Running:
    """A capture in its thread; everything it handed over, newest last."""

    def __init__(self, source: Source, reopen: Callable[[], Source], *, loop: bool, stall_s: float) -> None:
        self.held, self.waits = False, 0
        self.stopping, self.notices, self.frames = threading.Event(), [], []  # type: ignore[var-annotated]
        first = source.read()
        self.capture = Capture(
            source,
            first,
            reopen=reopen,
            loop=loop,
            stall_s=stall_s,
            held=self._is_held,
            stopping=self.stopping,
            notify=self.notices.append,
        )
        self.thread = threading.Thread(target=self.capture.work)

    def _is_held(self) -> bool:
        self.waits += self.held  # each time it waits for 20 ms
        return self.held

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

    def read(self) -> LiveFrame:
        time.sleep(0.01)
        clock_s, grey = next(self._script)
        return LiveFrame(picture=np.full((48, 64, 3), grey, np.uint8), captured_ns=now_ns(), clock_s=clock_s)

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
    attempts: list[str] = []

    def reopen() -> MediaSource:
        attempts.append(camera.url)
        return MediaSource(camera.url, stall_s=5)

    with MjpegCamera() as camera, _running(MediaSource(camera.url, stall_s=5), reopen) as running:
        running.get()
        camera.go_away()
        running.get_until(lambda: "trying again" in (running.capture.trouble or ""))
        running.get_until(lambda: len(attempts) == 2 and "trying again" in (running.capture.trouble or ""))
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
        running.held = True
        running.get_until(lambda: running.waits >= 2)
        held_at = running.capture.captured
        running.get_until(lambda: running.waits >= 27)  # the time of 25 frames, in which none may come
        assert running.capture.captured <= held_at + 1
        running.held = False
        running.get_until(lambda: running.capture.captured == 30)


def test_waits_double_up_to_the_longest_and_begin_anew_after_success() -> None:
    back_off = BackOff(0.5, 3.0)
    assert [back_off.next_s() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    back_off.reset()
    assert back_off.next_s() == 0.5


@given(steps=_TIMES, has_clock=st.booleans())
def test_a_camera_that_moves_is_never_reported(steps: list[float], has_clock: bool) -> None:
    watch, at_s = StallWatch(1.0), 0.0
    for step in steps:
        at_s += step
        assert watch.saw(at_s, clock_s=at_s if has_clock else None, same=False) is None


@given(step=st.floats(0.01, 0.9))
def test_one_picture_for_ever_is_reported_after_the_limit_and_then_ever_more_seldom(step: float) -> None:
    watch = StallWatch(5.0)
    watch.saw(0.0, clock_s=None, same=False)
    alarms = [step * n for n in range(1, round(200 / step)) if watch.saw(step * n, clock_s=None, same=True)]
    assert 5.0 <= alarms[0] + 1e-6 <= 5.0 + step + 1e-6
    gaps = [later - earlier for earlier, later in itertools.pairwise(alarms)]
    assert gaps[0] > 9.9
    assert all(later > 1.8 * earlier for earlier, later in itertools.pairwise(gaps))


def test_a_clock_that_stands_still_is_reported_though_the_picture_moves() -> None:
    watch = StallWatch(2.0)
    alarms = [watch.saw(n / 10, clock_s=7.0, same=False) for n in range(30)]
    assert [text for text in alarms if text] == ["clock stands still for 2 s"]


def test_a_source_without_a_clock_has_none_that_could_stand_still() -> None:
    watch = StallWatch(2.0)
    assert not any(watch.saw(n / 10, clock_s=None, same=False) for n in range(100))


def test_movement_ends_the_alarm_and_restores_the_patience() -> None:
    watch = StallWatch(1.0)
    watch.saw(0.0, clock_s=None, same=False)
    assert watch.saw(1.0, clock_s=None, same=True)
    assert watch.alarmed
    watch.saw(1.5, clock_s=None, same=False)
    assert not watch.alarmed
    assert watch.saw(2.5, clock_s=None, same=True) == "picture has not changed for 1 s"


@given(gaps=st.lists(st.floats(0.001, 0.9), min_size=1, max_size=50), began_s=st.floats(-5, 5))
def test_frames_are_due_as_far_apart_as_their_timestamps(gaps: list[float], began_s: float) -> None:
    pacer, clock_s = Pacer(), began_s
    first_ns = pacer.due_ns(clock_s, 1000)
    assert first_ns == 1000
    for gap in gaps:
        clock_s += gap
        due_ns = pacer.due_ns(clock_s, first_ns)
        assert abs(due_ns - first_ns - (clock_s - began_s) * 1e9) < 10


def test_a_source_that_is_a_little_late_catches_up_and_one_that_is_very_late_does_not() -> None:
    pacer = Pacer()
    pacer.due_ns(0.0, 0)
    assert pacer.due_ns(0.1, 600 * _MS) == 100 * _MS
    assert pacer.due_ns(0.2, 5000 * _MS) == 5000 * _MS
    assert pacer.due_ns(0.3, 5000 * _MS) == 5100 * _MS


def test_a_pause_moves_everything_that_comes_after_it() -> None:
    pacer = Pacer()
    pacer.due_ns(0.0, 0)
    pacer.pause(700 * _MS)
    assert pacer.due_ns(0.1, 800 * _MS) == 800 * _MS
