"""The thread that owns the engine: takes the newest frame as late as it can, and paints it once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from engines.contract import Picture
from realtime.live.capture import Capture
from realtime.live.controls import Settings
from realtime.live.fit import fit
from realtime.live.pace import Forecast
from realtime.live.source import LiveFrame
from realtime.pipeline import Pipeline
from realtime.queues import Closed
from realtime.stats import Timings, now_ns

__all__ = ["PaintLoop", "Painted"]

_IDLE_S = 0.1
_MOST_NOTICES = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Painted:
    """A frame and its picture. Both are shared between threads: nobody writes to them."""

    frame: LiveFrame
    original: Picture = field(repr=False)
    """uint8 `(h, w, 3)` RGB: the frame, fitted and mirrored."""
    picture: Picture = field(repr=False)
    """uint8 `(h * scale, w * scale, 3)` RGB, painted or enlarged."""
    painted_ns: int
    again: bool
    """The same frame was handed over before, painted otherwise: it counts as no new one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    frame: LiveFrame
    original: Picture
    settings: Settings
    submitted_ns: int
    again: bool
    repeats: bool
    """Nothing was submitted: the picture is that of the job before."""


class PaintLoop:
    """Paints what `capture` brings and hands it to `deliver`. `work` runs in its own thread.

    An unchanged picture reuses its result: only where every pixel is bit-identical and the settings are the same (the
    tolerance is none: a camera's noise is worth painting, a still screen is not). While nothing new comes, changed
    settings repaint the last frame, so that styles can be tried on a still or paused picture.
    """

    def __init__(
        self,
        painter: Pipeline,
        capture: Capture,
        *,
        settings: Callable[[], Settings],
        paused: Callable[[], bool],
        deliver: Callable[[Painted], None],
        stopping: threading.Event,
        notify: Callable[[str], None],
    ) -> None:
        self.waiting, self.inferring = Timings(), Timings()
        self.reused = 0
        self._painter, self._capture = painter, capture
        self._settings, self._paused, self._deliver, self._stopping = settings, paused, deliver, stopping
        self._notify = notify
        self._size = painter.size
        self._forecast = Forecast()
        self._jobs: deque[_Job] = deque()
        self._last: tuple[_Job, Picture] | None = None
        self._started_ns = 0
        self._asked = False
        self._fitted: set[tuple[int, int]] = set()

    def work(self) -> None:
        try:
            while not self._stopping.is_set():
                if not self._jobs and not self._take(_IDLE_S):
                    self._paint_again()
                if self._jobs:
                    self._finish_oldest()
        except Closed:
            pass
        if not self._stopping.is_set():
            while self._jobs:
                self._collect()

    def _finish_oldest(self) -> None:
        """Take the next frame just before the oldest is done, so that the engine goes straight on with it."""
        if len(self._jobs) < self._painter.depth and not self._jobs[0].repeats:
            self._stopping.wait(self._forecast.spare_ns(self._started_ns, now_ns()) / 1e9)
            self._take(self._forecast.margin_ns() / 1e9)
        self._collect()

    def _take(self, timeout_s: float) -> bool:
        """Start on the newest frame if there is one in time. Raises Closed when the source has ended."""
        if self._paused():
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
        self._forecast.prepared(now_ns() - began_ns)
        return True

    def _paint_again(self) -> None:
        if self._last is None:
            return
        job, _ = self._last
        if self._settings().token != job.settings.token:
            self._start(job.frame, again=True)

    def _start(self, frame: LiveFrame, *, again: bool = False) -> None:
        settings = self._settings()
        before = self._jobs[-1] if self._jobs else (self._last[0] if self._last else None)
        repeats = (
            before is not None
            and before.frame.picture_id == frame.picture_id
            and before.settings.token == settings.token
        )
        if repeats and before is not None:
            original = before.original
        else:
            original = self._prepare(frame.picture, mirror=settings.mirror)
        now = now_ns()
        if not repeats:
            if not self._painter.in_flight:
                self._started_ns = now
            self._painter.submit(original, settings.params)
        if not again:
            self.waiting.add_ns(now - frame.ready_ns)
        self._jobs.append(
            _Job(frame=frame, original=original, settings=settings, submitted_ns=now, again=again, repeats=repeats)
        )

    def _prepare(self, picture: Picture, *, mirror: bool) -> Picture:
        came = (picture.shape[1], picture.shape[0])
        if came != self._size and came not in self._fitted and len(self._fitted) < _MOST_NOTICES:
            self._fitted.add(came)
            self._notify("frames of {}x{} come and are scaled and cut to {}x{}".format(*came, *self._size))
        picture = fit(picture, self._size)
        return np.asarray(cv2.flip(picture, 1), np.uint8) if mirror else picture

    def _collect(self) -> None:
        """Wait for the oldest job and deliver its picture."""
        job = self._jobs.popleft()
        if job.repeats:
            assert self._last is not None
            picture = self._last[1]
            self.reused += 1
        else:
            waits_ns = now_ns()
            picture = self._painter.collect()
            done_ns = now_ns()
            self._forecast.worked(done_ns - self._started_ns, done_ns - waits_ns)
            self._started_ns = done_ns
            if not job.again:
                self.inferring.add_ns(done_ns - job.submitted_ns)
        self._last = (job, picture)
        self._deliver(
            Painted(frame=job.frame, original=job.original, picture=picture, painted_ns=now_ns(), again=job.again)
        )
