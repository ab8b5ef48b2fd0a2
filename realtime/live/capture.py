"""The thread that owns the source: numbers frames, paces files, opens what has gone again."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from engines.contract import Picture
from engines.errors import SourceError
from realtime.live.pace import Pacer
from realtime.live.source import EndOfSource, Grab, LiveFrame, Source
from realtime.live.watch import BackOff, StallWatch
from realtime.queues import Closed, Mailbox
from realtime.stats import Timings, now_ns

__all__ = ["Capture", "same_pixels"]


class Capture:
    """Fills `frames` from a source until it ends, or `stopping` is set. `work` runs in its own thread.

    The counters are written by that thread only, and read by anyone.
    """

    def __init__(
        self,
        source: Source,
        first: Grab,
        *,
        reopen: Callable[[], Source],
        loop: bool,
        stall_s: float,
        stopping: threading.Event,
        notify: Callable[[str], None],
    ) -> None:
        """`source` is open, gave `first`, and is closed by `work`."""
        self.frames: Mailbox[LiveFrame] = Mailbox()
        self.decoding = Timings()
        self.captured = self.duplicates = self.reconnects = 0
        self.last_ns = now_ns()
        """When something last came, duplicates included."""
        self.trouble: str | None = None
        """What the viewer is to be told: the source has gone, or stands still."""
        self.timing = source.timing
        self.live = source.timing == "live"
        self._source, self._first = source, first
        self._reopen, self._loop, self._stopping, self._notify = reopen, loop, stopping, notify
        self._watch, self._back_off, self._pacer = StallWatch(stall_s), BackOff(), Pacer()
        self._wanted, self._held = threading.Event(), threading.Event()
        self._last: Grab | None = None
        self._picture_id = 0
        self._notified = False

    def want(self) -> None:
        """Ask for a frame of a source that makes them on demand. Harmless for others."""
        self._wanted.set()

    def hold(self, held: bool) -> None:
        """Stop or resume a file. A live source goes on."""
        if held:
            self._held.set()
        else:
            self._held.clear()

    def work(self) -> None:
        try:
            if self.timing == "paced":
                self._take(self._first)  # any other's first frame is old by now
            while not self._stopping.is_set():
                try:
                    self._turn()
                except EndOfSource:
                    if not self._loop or not self.captured:
                        break
                    self._source.rewind()
                    self._pacer.restart()
        except Closed:
            pass  # nobody looks any more
        finally:
            self.frames.close()
            self._source.close()

    def _turn(self) -> None:
        try:
            if self._source.timing == "demand":
                if not self._wanted.wait(0.2):
                    return
                self._wanted.clear()
            self._take(self._source.read())
        except SourceError as error:
            if not self.live:
                raise
            self._reconnect("the source has gone", str(error))

    def _take(self, grab: Grab) -> None:
        """Number a frame and hand it over, or count it as a duplicate."""
        ready_ns = now_ns()
        captured_ns = self._wait_until_due(grab) if self._source.timing == "paced" else grab.captured_ns
        same = self._last is not None and same_pixels(self._last.picture, grab.picture)
        duplicate = same and self._last is not None and grab.clock_s is not None and grab.clock_s == self._last.clock_s
        self._last, self.last_ns = grab, now_ns()
        if duplicate:
            self.duplicates += 1
        else:
            self.captured += 1
            if not same:
                self._picture_id = self.captured
            self.decoding.add_ns(ready_ns - grab.captured_ns)
            self.frames.put(
                LiveFrame(
                    number=self.captured,
                    picture=grab.picture,
                    picture_id=self._picture_id,
                    captured_ns=captured_ns,
                    ready_ns=max(captured_ns, ready_ns),
                )
            )
        if self.live:
            self._look_for_stall(grab, same)

    def _wait_until_due(self, grab: Grab) -> int:
        """Wait for a paced frame's time and return it; a held source waits longer."""
        assert grab.clock_s is not None
        while not self._stopping.is_set():
            if self._held.is_set():
                began_ns = now_ns()
                self._stopping.wait(0.02)
                self._pacer.pause(now_ns() - began_ns)
                continue
            due_ns = self._pacer.due_ns(grab.clock_s, now_ns())
            left_ns = due_ns - now_ns()
            if left_ns <= 0:
                return due_ns
            self._stopping.wait(min(left_ns / 1e9, 0.05))
        return now_ns()

    def _look_for_stall(self, grab: Grab, same: bool) -> None:
        was_alarmed = self._watch.alarmed
        alarm = self._watch.saw(self.last_ns / 1e9, clock_s=grab.clock_s, same=same)
        if alarm:
            self._reconnect(f"the {alarm}", f"{self._source.name}: its {alarm}")
        elif not self._watch.alarmed:
            self.trouble = None
            self._back_off.reset()
            if was_alarmed:
                self._notify(f"{self._source.name} is moving again")
                self._notified = False

    def _reconnect(self, trouble: str, reason: str) -> None:
        """Close the source and try to open it until that succeeds or the end has come.

        `trouble` is for the screen, `reason` for the terminal.
        """
        began_ns = now_ns()
        self._source.close()
        if not self._notified:
            self._notify(f"{reason}: reconnecting")
            self._notified = True
        while True:
            wait_s = self._back_off.next_s()
            self.trouble = f"{trouble}: trying again in {wait_s:g} s"
            if self._stopping.wait(wait_s):
                return
            self.trouble = f"{trouble}: reconnecting"
            try:
                source = self._reopen()
                break
            except SourceError:
                continue  # the first reason has been told
        self._source = source
        self.reconnects += 1
        self.last_ns = now_ns()
        if not self._watch.alarmed:
            self.trouble = None
            self._notified = False
            self._notify(f"{source.name} is back after {(now_ns() - began_ns) / 1e9:.1f} s")


def same_pixels(one: Picture, other: Picture) -> bool:
    """Whether two uint8 pictures are bit-identical; a coarse grid decides most cases for almost nothing."""
    if one.shape != other.shape or not np.array_equal(one[::16, ::16], other[::16, ::16]):
        return False
    return np.array_equal(one, other)
