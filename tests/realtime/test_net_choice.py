from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.net_choice import SHARE, pick

_TIMES = st.dictionaries(st.text(min_size=1), st.floats(1e-3, 1e5), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("times_ms", "fps", "taken"),
    [
        ({"johnson": 20.0, "fast": 8.0, "micro": 3.0}, 30, ("johnson", True)),
        ({"johnson": 200.0, "fast": 29.0, "micro": 10.0}, 30, ("fast", True)),
        ({"johnson": 200.0, "fast": 31.0, "micro": 10.0}, 30, ("micro", True)),  # 31 of 33.3 ms leaves too little
        ({"johnson": 200.0, "fast": 90.0, "micro": 40.0}, 30, ("micro", False)),
        ({"johnson": 200.0, "fast": 40.0, "micro": 90.0}, 30, ("fast", False)),
        ({"johnson": 200.0, "fast": 90.0, "micro": 40.0}, 1, ("johnson", True)),
        ({"fast": 90.0}, 30, ("fast", False)),
        ({"fast": 10.0, "micro": 10.0}, 1e6, ("fast", False)),
    ],
)
def test_the_best_net_that_keeps_the_rate_is_picked_or_else_the_quickest(
    times_ms: Mapping[str, float], fps: float, taken: tuple[str, bool]
) -> None:
    assert pick(times_ms, fps) == taken


@given(_TIMES, st.floats(0.1, 1000))
def test_what_is_picked_keeps_the_rate_whenever_any_net_does(times_ms: dict[str, float], fps: float) -> None:
    net, keeps = pick(times_ms, fps)
    assert keeps == any(ms * fps <= 1000 * SHARE for ms in times_ms.values())
    names = list(times_ms)
    if keeps:
        assert all(times_ms[better] * fps > 1000 * SHARE for better in names[: names.index(net)])
    else:
        assert times_ms[net] == min(times_ms.values())


@given(_TIMES, st.floats(0.1, 500))
def test_a_higher_rate_never_picks_a_slower_net(times_ms: dict[str, float], fps: float) -> None:
    relaxed, hurried = pick(times_ms, fps), pick(times_ms, 2 * fps)
    assert times_ms[hurried[0]] <= times_ms[relaxed[0]] or not relaxed[1] or hurried[1]
