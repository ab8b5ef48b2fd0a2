"""When to open a source again: it delivers nothing that lives, or it has gone."""

from __future__ import annotations

__all__ = ["BackOff", "StallWatch"]

_LONGEST_LIMIT_S = 300.0


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
