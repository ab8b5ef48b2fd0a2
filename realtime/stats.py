"""Times of frames and stages in constant memory."""

from __future__ import annotations

import time

import numpy as np

__all__ = ["Rate", "Timings", "now_ns"]

now_ns = time.monotonic_ns
"""The one clock of all frames."""

_KEPT = 4096


class Timings:
    """Percentiles over the newest 4,096 durations. One thread adds, any thread may read."""

    def __init__(self) -> None:
        self._values_ms = np.zeros(_KEPT, np.float64)
        self.count = 0

    def add_ns(self, duration_ns: int) -> None:
        self._values_ms[self.count % _KEPT] = duration_ns / 1e6
        self.count += 1

    def summary_ms(self) -> dict[str, float] | None:
        """p50, p95 and p99 in milliseconds; None before the first value."""
        if not self.count:
            return None
        values = self._values_ms[: min(self.count, _KEPT)]
        return {f"p{q}": round(float(np.percentile(values, q)), 3) for q in (50, 95, 99)}


class Rate:
    """Events per second over the newest 32 events."""

    def __init__(self) -> None:
        self._times_ns = np.zeros(32, np.int64)
        self._count = 0

    def tick(self, at_ns: int) -> None:
        self._times_ns[self._count % 32] = at_ns
        self._count += 1

    def per_second(self) -> float:
        """0 before the second event."""
        kept = min(self._count, 32)
        if kept < 2:
            return 0.0
        newest = self._times_ns[(self._count - 1) % 32]
        oldest = self._times_ns[(self._count - kept) % 32]
        return float((kept - 1) * 1e9 / max(1, newest - oldest))
