"""The thread that owns the source: it numbers frames, paces files, and reopens a source that has gone."""

from __future__ import annotations

import threading
from collections.abc import Callable

from engines.errors import SourceError
from realtime.live.frame import EndOfSource, LiveFrame, Source
from realtime.stats import Timings, now_ns
from realtime.tasks import Closed, Mailbox

__all__ = ["BackOff", "Capture", "Pacer", "StallWatch"]

_LATEST_NS = 1_000_000_000
_LONGEST_LIMIT_S = 300.0
_SILENCE_NS = 2_000_000_000


class Capture:
    """Fills `frames` from a source until it ends, or `stopping` is set. `work` runs in its own thread.

    The counters are written by that thread only, and read by anyone.
    """

    def __init__(
        self,
        source: Source,
        first: LiveFrame,
        *,
        reopen: Callable[[], Source],
        loop: bool,
        stall_s: float,
        held: Callable[[], bool],
        stopping: threading.Event,
        notify: Callable[[str], None],
    ) -> None:
        """`source` is open, gave `first`, and is closed by `work`.

        held: whether a file is to wait where it is; a live source goes on.
        """
        self.frames: Mailbox[LiveFrame] = Mailbox()
        self.decoding = Timings()
        self.captured = self.duplicates = self.reconnects = 0
        self.last_ns = now_ns()
        """When something last came, duplicates included."""
        self.trouble: str | None = None
        """What is wrong with the source: it has gone, or stands still."""
        self.timing = source.timing
        self.live = source.timing == "live"
        self._source, self._first = source, first
        self._reopen, self._loop, self._held = reopen, loop, held
        self._stopping, self._notify = stopping, notify
        self._watch, self._back_off, self._pacer = StallWatch(stall_s), BackOff(), Pacer()
        self._wanted = threading.Event()
        self._last: LiveFrame | None = None
        self._notified = False

    def want(self) -> None:
        """Ask for a frame of a source that makes them on demand. Harmless for others."""
        self._wanted.set()

    def trouble_at(self, at_ns: int) -> str:
        """What the viewer is to be told of the source; empty when all is well."""
        silent_ns = at_ns - self.last_ns
        if self.trouble is None and self.live and silent_ns > _SILENCE_NS:
            return f"no picture for {silent_ns // 1_000_000_000} s"
        return self.trouble or ""

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
            self._reconnect("the source has gone", error.full_text)

    def _take(self, frame: LiveFrame) -> None:
        """Number a frame and hand it over, or count it as a duplicate."""
        arrived_ns, ready_ns = frame.captured_ns, now_ns()
        if self._source.timing == "paced":
            frame.captured_ns = self._wait_until_due(frame)
        before, self._last, self.last_ns = self._last, frame, now_ns()
        same = before is not None and frame.same_pixels(before)
        if before is not None and frame.is_duplicate(before, same=same):
            frame.picture_id = before.picture_id
            self.duplicates += 1
        else:
            self.captured += 1
            frame.number = self.captured
            frame.picture_id = before.picture_id if before is not None and same else frame.number
            frame.ready_ns = max(frame.captured_ns, ready_ns)
            self.decoding.add_ns(ready_ns - arrived_ns)
            self.frames.put(frame)
        if self.live:
            self._look_for_stall(frame, same)

    def _wait_until_due(self, frame: LiveFrame) -> int:
        """Wait for a paced frame's time and return it; a held source waits longer."""
        assert frame.clock_s is not None
        while not self._stopping.is_set():
            if self._held():
                began_ns = now_ns()
                self._stopping.wait(0.02)
                self._pacer.pause(now_ns() - began_ns)
                continue
            due_ns = self._pacer.due_ns(frame.clock_s, now_ns())
            left_ns = due_ns - now_ns()
            if left_ns <= 0:
                return due_ns
            self._stopping.wait(min(left_ns / 1e9, 0.05))
        return now_ns()

    def _look_for_stall(self, frame: LiveFrame, same: bool) -> None:
        was_alarmed = self._watch.alarmed
        alarm = self._watch.saw(self.last_ns / 1e9, clock_s=frame.clock_s, same=same)
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


class BackOff:
    """Waiting times between attempts: each twice the last, up to a longest one."""

    def __init__(self, first_s: float = 0.5, longest_s: float = 15.0) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._next_s = first_s

    def next_s(self) -> float:
        wait_s = self._next_s
        self._next_s = min(self._longest_s, 2 * wait_s)
        return wait_s

    def reset(self) -> None:
        """The source has proved that it lives."""
        self._next_s = self._first_s


class StallWatch:
    """Notices a camera that still answers but no longer lives: one picture for ever, or a clock that stands still.

    Many drivers go on handing out the last frame of an unplugged camera. A scene may be still too, so each alarm that
    opening the source again did not help against doubles the patience, up to five minutes.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = self._patience_s = limit_s
        self._clock_s: float | None = None
        self._picture_since_s: float | None = None
        self._clock_since_s: float | None = None
        self._alarmed = False

    @property
    def alarmed(self) -> bool:
        """An alarm was given, and nothing new has been seen since."""
        return self._alarmed

    def saw(self, at_s: float, *, clock_s: float | None, same: bool) -> str | None:
        """Take note of a frame at `at_s` with exactly the `same` pixels as the last one; returns the alarm, if any."""
        if not same or self._picture_since_s is None:
            self._picture_since_s = at_s
        if clock_s is None or clock_s != self._clock_s or self._clock_since_s is None:
            self._clock_since_s = at_s
        lives = not same and (clock_s is None or clock_s != self._clock_s)
        self._clock_s = clock_s
        if lives:
            self._alarmed, self._patience_s = False, self._limit_s
            return None
        if at_s - self._picture_since_s >= self._patience_s:
            return self._alarm(at_s, "picture has not changed")
        if at_s - self._clock_since_s >= self._patience_s:
            return self._alarm(at_s, "clock stands still")
        return None

    def _alarm(self, at_s: float, what: str) -> str:
        text = f"{what} for {self._patience_s:g} s"
        self._alarmed = True
        self._picture_since_s = self._clock_since_s = at_s
        self._patience_s = max(self._limit_s, min(_LONGEST_LIMIT_S, 2 * self._patience_s))
        return text


class Pacer:
    """Plays a source at its own rate: the first frame is due at once, each other one by its clock.

    A source that is more than a second late (a machine that slept, a decoder that is too slow) goes on from where it
    is, at its own rate, instead of rushing to catch up.
    """

    def __init__(self) -> None:
        self._offset_ns: int | None = None

    def due_ns(self, clock_s: float, at_ns: int) -> int:
        """When a frame of that time is to be shown, on the clock that says `at_ns` now."""
        clock_ns = round(clock_s * 1e9)
        if self._offset_ns is None or at_ns - (clock_ns + self._offset_ns) > _LATEST_NS:
            self._offset_ns = at_ns - clock_ns
        return clock_ns + self._offset_ns

    def pause(self, duration_ns: int) -> None:
        """The source was held for so long."""
        if self._offset_ns is not None:
            self._offset_ns += duration_ns

    def restart(self) -> None:
        """The clock starts again: the next frame is due at once."""
        self._offset_ns = None
