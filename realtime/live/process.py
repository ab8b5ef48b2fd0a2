"""The thread that owns the engine: takes the newest frame as late as it can, and paints it once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from copy import copy

import cv2
import numpy as np

from engines.contract import Picture
from realtime.live.capture import Capture
from realtime.live.controls import Controls
from realtime.live.frame import LiveFrame, fit
from realtime.pipeline import Pipeline
from realtime.stats import Timings, now_ns
from realtime.tasks import Closed

__all__ = ["FinishEstimate", "FrameProcessor"]

_IDLE_S = 0.1
_MOST_NOTICES = 8


class FrameProcessor:
    """Paints what `capture` brings as `controls` say, and hands it to `deliver`. `work` runs in its own thread.

    A frame that repeats the one before it (`LiveFrame.repeats`) reuses its result. While nothing new comes, changed
    settings repaint the last frame, so that styles can be tried on a still or paused picture.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        capture: Capture,
        controls: Controls,
        *,
        deliver: Callable[[LiveFrame], None],
        stopping: threading.Event,
        notify: Callable[[str], None],
    ) -> None:
        self.waiting, self.inferring = Timings(), Timings()
        self.reused = 0
        self._pipeline, self._capture, self._controls = pipeline, capture, controls
        self._deliver, self._stopping, self._notify = deliver, stopping, notify
        self._size = pipeline.size
        self._finish = FinishEstimate()
        self._in_flight: deque[LiveFrame] = deque()
        self._last: LiveFrame | None = None
        self._started_ns = 0
        self._asked = False
        self._fitted: set[tuple[int, int]] = set()

    def work(self) -> None:
        try:
            while not self._stopping.is_set():
                if not self._in_flight and not self._take(_IDLE_S):
                    self._paint_again()
                if self._in_flight:
                    self._finish_oldest()
        except Closed:
            pass
        if not self._stopping.is_set():
            while self._in_flight:
                self._collect()

    def _finish_oldest(self) -> None:
        """Take the next frame just before the oldest is done, so that the engine goes straight on with it."""
        if len(self._in_flight) < self._pipeline.depth and not self._in_flight[0].reused:
            self._stopping.wait(self._finish.spare_ns(self._started_ns, now_ns()) / 1e9)
            self._take(self._finish.margin_ns() / 1e9)
        self._collect()

    def _take(self, timeout_s: float) -> bool:
        """Start on the newest frame if there is one in time. Raises Closed when the source has ended."""
        if self._controls.state.paused:
            self._stopping.wait(min(timeout_s, 0.02))
            return False
        if not self._asked:
            self._capture.want()
            self._asked = True
        began_ns = now_ns()
        frame = self._capture.frames.get(timeout_s)
        if frame is None:
            return False
        self._asked = False
        if self._capture.timing != "demand":
            began_ns = now_ns()  # it came by itself: only a frame made to order costs the time of its making
        self._start(frame)
        self._finish.prepared(now_ns() - began_ns)
        return True

    def _paint_again(self) -> None:
        if self._last is not None and self._controls.settings(now_ns()).token != self._last.settings.token:
            frame = copy(self._last)  # sinks may still have the record of the first time
            frame.again = True
            self._start(frame)

    def _start(self, frame: LiveFrame) -> None:
        frame.settings = self._controls.settings(now_ns())
        before = self._in_flight[-1] if self._in_flight else self._last
        frame.reused = before is not None and frame.repeats(before)
        if frame.reused and before is not None:
            frame.original = before.original
        else:
            frame.original = self._prepare(frame.picture, mirror=frame.settings.mirror)
        frame.submitted_ns = now_ns()
        if not frame.reused:
            if not self._pipeline.in_flight:
                self._started_ns = frame.submitted_ns
            self._pipeline.submit(frame.original, frame.settings.params)
        if not frame.again:
            self.waiting.add_ns(frame.submitted_ns - frame.ready_ns)
        self._in_flight.append(frame)

    def _prepare(self, picture: Picture, *, mirror: bool) -> Picture:
        came = (picture.shape[1], picture.shape[0])
        if came != self._size and came not in self._fitted and len(self._fitted) < _MOST_NOTICES:
            self._fitted.add(came)
            self._notify("frames of {}x{} come and are scaled and cut to {}x{}".format(*came, *self._size))
        picture = fit(picture, self._size)
        return np.asarray(cv2.flip(picture, 1), np.uint8) if mirror else picture

    def _collect(self) -> None:
        """Wait for the result of the oldest frame and deliver it."""
        frame = self._in_flight.popleft()
        if frame.reused:
            assert self._last is not None
            frame.result = self._last.result
            self.reused += 1
        else:
            waits_ns = now_ns()
            frame.result = self._pipeline.collect()
            done_ns = now_ns()
            self._finish.worked(done_ns - self._started_ns, done_ns - waits_ns)
            self._started_ns = done_ns
            if not frame.again:
                self.inferring.add_ns(done_ns - frame.submitted_ns)
        frame.painted_ns = now_ns()
        self._last = frame
        self._deliver(frame)


class FinishEstimate:
    """Says when the engine will be done, so that the next frame is taken as late as it can be without an idle engine.

    With two frames in flight at all times, a frame would wait for the whole of the one before it: two frame times from
    capture to picture. With one in flight the engine would be idle around each frame. So the next frame is taken a
    margin before the end: the latency of one in flight at the rate of two.
    """

    def __init__(self) -> None:
        self._work_ns = 0.0
        self._preparation_ns = 0.0

    def margin_ns(self) -> int:
        """How long before the end the next frame is to be asked for."""
        return round(1_000_000 + 2 * self._preparation_ns + 0.06 * self._work_ns)

    def spare_ns(self, started_ns: int, at_ns: int) -> int:
        """How long to wait, from `at_ns`, before the next frame is to be asked for; 0 before anything was learnt."""
        return max(0, round(started_ns + self._work_ns) - self.margin_ns() - at_ns)

    def worked(self, duration_ns: int, waited_ns: int) -> None:
        """Learn from one frame: how long the engine took, and how long of it somebody waited for its end.

        Nobody waited: it was done before that, so the estimate is too long by an unknown time, and is shortened.
        """
        if waited_ns < 100_000 and self._work_ns:
            self._work_ns = min(self._work_ns, duration_ns) * 0.97
        else:
            self._work_ns += (duration_ns - self._work_ns) * (0.2 if self._work_ns else 1.0)

    def prepared(self, duration_ns: int) -> None:
        """Learn how long it took from asking for a frame to having submitted it."""
        self._preparation_ns += (duration_ns - self._preparation_ns) * 0.2
