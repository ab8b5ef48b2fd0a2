"""When things are due: frames of a file, and the end of the engine's work on one."""

from __future__ import annotations

__all__ = ["Forecast", "Pacer"]

_LATEST_NS = 1_000_000_000


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


class Forecast:
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

        Nobody waited: it was done before that, so the forecast is too long by an unknown time, and is shortened.
        """
        if waited_ns < 100_000 and self._work_ns:
            self._work_ns = min(self._work_ns, duration_ns) * 0.97
        else:
            self._work_ns += (duration_ns - self._work_ns) * (0.2 if self._work_ns else 1.0)

    def prepared(self, duration_ns: int) -> None:
        """Learn how long it took from asking for a frame to having submitted it."""
        self._preparation_ns += (duration_ns - self._preparation_ns) * 0.2
