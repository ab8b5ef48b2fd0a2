from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from realtime.live.watch import BackOff, StallWatch

_TIMES = st.lists(st.floats(0.001, 4.0), min_size=1, max_size=60)


def test_waits_double_up_to_the_longest_and_begin_anew_after_success() -> None:
    back_off = BackOff(0.5, 3.0)
    assert [back_off.next_s() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    back_off.reset()
    assert back_off.next_s() == 0.5


@given(steps=_TIMES, has_clock=st.booleans())
def test_a_camera_that_moves_is_never_reported(steps: list[float], has_clock: bool) -> None:
    watch, at_s = StallWatch(1.0), 0.0
    for step in steps:
        at_s += step
        assert watch.saw(at_s, clock_s=at_s if has_clock else None, same=False) is None


@given(step=st.floats(0.01, 0.9))
def test_one_picture_for_ever_is_reported_after_the_limit_and_then_ever_more_seldom(step: float) -> None:
    watch = StallWatch(5.0)
    watch.saw(0.0, clock_s=None, same=False)
    alarms = [step * n for n in range(1, round(200 / step)) if watch.saw(step * n, clock_s=None, same=True)]
    assert 5.0 <= alarms[0] + 1e-6 <= 5.0 + step + 1e-6
    gaps = [later - earlier for earlier, later in itertools.pairwise(alarms)]
    assert gaps[0] > 9.9
    assert all(later > 1.8 * earlier for earlier, later in itertools.pairwise(gaps))


def test_a_clock_that_stands_still_is_reported_though_the_picture_moves() -> None:
    watch = StallWatch(2.0)
    alarms = [watch.saw(n / 10, clock_s=7.0, same=False) for n in range(30)]
    assert [text for text in alarms if text] == ["clock stands still for 2 s"]


def test_a_source_without_a_clock_has_none_that_could_stand_still() -> None:
    watch = StallWatch(2.0)
    assert not any(watch.saw(n / 10, clock_s=None, same=False) for n in range(100))


def test_movement_ends_the_alarm_and_restores_the_patience() -> None:
    watch = StallWatch(1.0)
    watch.saw(0.0, clock_s=None, same=False)
    assert watch.saw(1.0, clock_s=None, same=True)
    assert watch.alarmed
    watch.saw(1.5, clock_s=None, same=False)
    assert not watch.alarmed
    assert watch.saw(2.5, clock_s=None, same=True) == "picture has not changed for 1 s"
