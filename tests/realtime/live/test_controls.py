from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.live.controls import FADE_NS, Action, Compare, Palette, State, press, settings
from realtime.live.keys import HELP, press_of

_VECTORS = [np.random.default_rng(n).normal(size=8).astype(np.float32) for n in range(4)]
_PALETTE = Palette(names=("a", "b", "c", "d"), vectors=_VECTORS, start=1)
_KEYS = st.one_of(st.sampled_from(list(Action)), st.integers(0, 9))


def _vector(state: State, at_ns: int) -> np.ndarray:
    vector = settings(state, _PALETTE, at_ns).params.vector
    assert vector is not None
    return vector


def test_a_switch_fades_from_the_old_style_to_the_new_one_in_half_a_second() -> None:
    state = press(State(style=0), Action.NEXT_STYLE, _PALETTE, 1000)
    np.testing.assert_array_equal(_vector(state, 1000), _VECTORS[0])
    np.testing.assert_allclose(_vector(state, 1000 + FADE_NS // 2), (_VECTORS[0] + _VECTORS[1]) / 2, rtol=1e-5)
    assert _vector(state, 1000 + FADE_NS) is _VECTORS[1]
    assert FADE_NS == 500_000_000


@given(moments=st.lists(st.integers(0, FADE_NS), min_size=2, max_size=20))
def test_a_fade_never_turns_back(moments: list[int]) -> None:
    state = press(State(style=0), 3, _PALETTE, 0)
    start, end = _VECTORS[0], _VECTORS[2]
    weights = [float(np.dot(_vector(state, at) - start, end - start)) for at in sorted(moments)]
    assert all(later >= earlier - 1e-4 for earlier, later in itertools.pairwise(weights))


@given(switches=st.lists(st.tuples(st.integers(0, 9), st.integers(0, FADE_NS)), min_size=1, max_size=12))
def test_a_switch_during_a_fade_goes_on_from_what_is_to_be_seen(switches: list[tuple[int, int]]) -> None:
    state, at_ns = State(style=0), 0
    for key, gap_ns in switches:
        at_ns += gap_ns
        before = _vector(state, at_ns)
        state = press(state, key, _PALETTE, at_ns)
        np.testing.assert_allclose(_vector(state, at_ns), before, atol=1e-6)


@given(keys=st.lists(_KEYS, max_size=60), at_ns=st.integers(0, 10 * FADE_NS))
def test_no_keys_lead_to_a_state_that_cannot_be_painted(keys: list[Action | int], at_ns: int) -> None:
    state = State(style=1)
    for number, key in enumerate(keys):
        state = press(state, key, _PALETTE, number * FADE_NS // 3)
    assert 0 <= state.style < 4
    params = settings(state, _PALETTE, at_ns).params
    assert 0 <= params.strength <= 1
    assert params.vector is not None
    assert np.isfinite(params.vector).all()


def test_settings_have_one_token_as_long_as_nothing_changes_and_another_after_every_key_that_counts() -> None:
    state = press(State(style=0), 2, _PALETTE, 0)
    late = 2 * FADE_NS
    assert settings(state, _PALETTE, late).token == settings(state, _PALETTE, late + 1).token
    assert settings(state, _PALETTE, 100).token != settings(state, _PALETTE, 200).token
    for key in (Action.WEAKER, Action.KEEP_COLORS, Action.MIRROR, 4):
        changed = press(state, key, _PALETTE, late)
        assert settings(changed, _PALETTE, 3 * late).token != settings(state, _PALETTE, 3 * late).token


def test_strength_moves_by_tenths_and_stops_at_both_ends() -> None:
    state = State(style=0, strength=0.25)
    for expected in (0.15, 0.05, 0.0, 0.0):
        state = press(state, Action.WEAKER, _PALETTE, 0)
        assert state.strength == expected
    for _ in range(12):
        state = press(state, Action.STRONGER, _PALETTE, 0)
    assert state.strength == 1.0


def test_zero_returns_to_the_look_of_the_start_and_a_digit_without_a_style_does_nothing() -> None:
    state = press(State(style=3), 0, _PALETTE, 0)
    assert state.style == _PALETTE.start
    assert press(state, 9, _PALETTE, 0) is state


def test_compare_goes_round() -> None:
    state, seen = State(style=0), []
    for _ in range(3):
        state = press(state, Action.COMPARE, _PALETTE, 0)
        seen.append(state.compare)
    assert seen == [Compare.SIDE, Compare.SPLIT, Compare.OFF]


def test_a_net_without_styles_stays_as_it_is() -> None:
    alone = Palette(names=("own",), vectors=(None,), start=0)
    state = press(State(style=0), Action.NEXT_STYLE, alone, 0)
    assert settings(state, alone, 1).params.vector is None


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (-1, None),
        (ord("n"), Action.NEXT_STYLE),
        (ord("N"), Action.NEXT_STYLE),
        (0xFF51, Action.PREVIOUS_STYLE),
        (0x100000 | 0xFF53, Action.NEXT_STYLE),
        (0x260000, Action.STRONGER),
        (ord("7"), 7),
        (0xFFB3, 3),
        (27, Action.QUIT),
        (ord("x"), None),
        (178, None),
    ],
)
def test_codes_of_every_window_system_are_understood(code: int, meaning: Action | int | None) -> None:
    assert press_of(code) == meaning


def test_every_action_has_a_key_and_the_help_names_every_key() -> None:
    reached = {press_of(code) for code in range(128)}
    assert set(Action) <= reached
    named = "".join(keys for keys, _ in HELP)
    assert all(letter in named for letter in "np+-kcmisrfhq")
