from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.live.pace import Forecast, Pacer

_MS = 1_000_000


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


@given(work_ms=st.floats(3, 500))
def test_the_next_frame_is_asked_for_shortly_before_the_end_of_the_last(work_ms: float) -> None:
    forecast = Forecast()
    assert forecast.spare_ns(0, 0) == 0
    for _ in range(50):
        forecast.worked(round(work_ms * _MS), waited_ns=_MS)
    spare_ns = forecast.spare_ns(0, 0)
    assert 0.5 * work_ms * _MS < spare_ns < work_ms * _MS


def test_a_forecast_that_is_too_long_shrinks_until_somebody_waits_again() -> None:
    """After a slow frame nobody would ever wait, and nothing would be learnt, if it did not."""
    forecast = Forecast()
    forecast.worked(200 * _MS, waited_ns=_MS)
    for _ in range(200):
        spare_ns = forecast.spare_ns(0, 0)
        took_ns = max(20 * _MS, spare_ns)  # the engine needs 20 ms, and is collected after the wait
        forecast.worked(took_ns, waited_ns=max(0, 20 * _MS - spare_ns))
    assert 10 * _MS < forecast.spare_ns(0, 0) < 20 * _MS
