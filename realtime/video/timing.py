"""Timestamps: the input's own ones, exactly, and order where a damaged file has none."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

__all__ = ["EvenClock", "Notice", "Timeline", "exact", "ticks"]

Notice = Callable[[str], None]
"""Told, in one line, what was not done quite as asked."""


class _Rational(Protocol):
    @property
    def numerator(self) -> int: ...

    @property
    def denominator(self) -> int: ...


def exact(value: _Rational) -> Fraction:
    """The same number as a Fraction: PyAV has a type of its own for time bases from version 19 on."""
    return Fraction(value.numerator, value.denominator)


def ticks(seconds: Fraction, time_base: Fraction) -> int:
    """The nearest whole number of `time_base` in `seconds`."""
    return round(seconds / time_base)


class EvenClock:
    """When frames are shown in AVI, which holds decoding times only, and even ones: they lack but the decoder's delay.

    FFmpeg's own guesses at presentation times go back and forth there as soon as there are B-frames.
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self._delay: int | None = None
        self._last = 0

    def place(self, dts: int | None, begin_dts: int | None) -> int | None:
        """The time of the next frame in display order, in ticks; None where the file says nothing at all.

        dts: what the decoder says of the frame; None for the last ones, which it held back. begin_dts: the decoding
        time of the first packet that it got.
        """
        if dts is not None:
            if self._delay is None:
                self._delay = dts - (begin_dts or 0)
            self._last = dts - self._delay
        elif self._delay is None:
            return None
        else:
            self._last += self._step
        return self._last


class Timeline:
    """Gives every decoded frame its timestamp: its own wherever it has one that is later than the one before."""

    def __init__(self, step: int) -> None:
        self._step = max(1, step)
        self._last: int | None = None
        self.guessed = 0
        """Frames that had no timestamp and were put one step after the one before."""
        self.moved = 0
        """Frames whose timestamp was not after the one before, put one tick after it: encoders take no others."""

    def place(self, pts: int | None, dts: int | None) -> int:
        """The timestamp of the next frame in display order, in ticks."""
        if pts is None:
            pts = dts
        if pts is None:
            pts = 0 if self._last is None else self._last + self._step
            self.guessed += 1
        elif self._last is not None and pts <= self._last:
            pts = self._last + 1
            self.moved += 1
        self._last = pts
        return pts

    def report(self, notice: Notice) -> None:
        """Say what had to be done."""
        if self.guessed:
            notice(f"{self.guessed} frames have no timestamp: spaced evenly")
        if self.moved:
            notice(f"{self.moved} frames have a timestamp that is not after the one before: moved behind it")
