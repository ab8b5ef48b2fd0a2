from __future__ import annotations

import pytest

from realtime.stats import Rate, Timings


def test_percentiles_are_those_of_the_newest_values() -> None:
    timings = Timings()
    for number in range(10_000):
        timings.add_ns((5 if number < 5000 else 7) * 1_000_000)
    assert timings.summary_ms() == {"p50": 7.0, "p95": 7.0, "p99": 7.0}
    assert timings.count == 10_000


def test_no_values_give_no_summary() -> None:
    assert Timings().summary_ms() is None


def test_rate_counts_intervals_not_events() -> None:
    rate = Rate()
    assert rate.per_second() == 0
    for number in range(100):
        rate.tick(number * 40_000_000)
    assert rate.per_second() == pytest.approx(25)
