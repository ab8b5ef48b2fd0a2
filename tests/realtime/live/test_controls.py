from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import BadInputError
from engines.library import Library, write_style
from realtime.live.controls import (
    FADE_NS,
    HELP,
    Action,
    Click,
    Compare,
    Controls,
    Key,
    Message,
    Request,
    State,
    StyleList,
    meaning,
    style_list,
)
from realtime.live.window import key_of
from realtime.pipeline import resolve
from realtime.user_options import StyleOptions

_VECTORS = [np.random.default_rng(n).normal(size=8).astype(np.float32) for n in range(4)]
_STYLES = StyleList(names=("a", "b", "c", "d"), vectors=_VECTORS, start=1)
_KEYS = st.sampled_from([*"np+-kcmih 0123456789"])


def _controls(**state: Any) -> Controls:
    """As a user has left them."""
    return Controls(_STYLES, State(**{"style": 0} | state))


def _press(controls: Controls, key: str, at_ns: int = 0) -> Controls:
    controls.handle(Key(key), at_ns)
    return controls


def _vector(controls: Controls, at_ns: int) -> np.ndarray:
    vector = controls.settings(at_ns).params.vector
    assert vector is not None
    return vector


def test_a_switch_fades_from_the_old_style_to_the_new_one_in_half_a_second() -> None:
    controls = _press(_controls(), "n", 1000)
    np.testing.assert_array_equal(_vector(controls, 1000), _VECTORS[0])
    np.testing.assert_allclose(_vector(controls, 1000 + FADE_NS // 2), (_VECTORS[0] + _VECTORS[1]) / 2, rtol=1e-5)
    assert _vector(controls, 1000 + FADE_NS) is _VECTORS[1]
    assert FADE_NS == 500_000_000


@given(moments=st.lists(st.integers(0, FADE_NS), min_size=2, max_size=20))
def test_a_fade_never_turns_back(moments: list[int]) -> None:
    controls = _press(_controls(), "3")
    start, end = _VECTORS[0], _VECTORS[2]
    weights = [float(np.dot(_vector(controls, at) - start, end - start)) for at in sorted(moments)]
    assert all(later >= earlier - 1e-4 for earlier, later in itertools.pairwise(weights))


@given(switches=st.lists(st.tuples(st.integers(0, 9), st.integers(0, FADE_NS)), min_size=1, max_size=12))
def test_a_switch_during_a_fade_goes_on_from_what_is_to_be_seen(switches: list[tuple[int, int]]) -> None:
    controls, at_ns = _controls(), 0
    for key, gap_ns in switches:
        at_ns += gap_ns
        before = _vector(controls, at_ns)
        _press(controls, str(key), at_ns)
        np.testing.assert_allclose(_vector(controls, at_ns), before, atol=1e-6)


@given(keys=st.lists(_KEYS, max_size=60), at_ns=st.integers(0, 10 * FADE_NS))
def test_no_keys_lead_to_a_state_that_cannot_be_painted(keys: list[str], at_ns: int) -> None:
    controls = _controls(style=1)
    for number, key in enumerate(keys):
        _press(controls, key, number * FADE_NS // 3)
    assert 0 <= controls.state.style < 4
    params = controls.settings(at_ns).params
    assert 0 <= params.strength <= 1
    assert params.vector is not None
    assert np.isfinite(params.vector).all()


def test_settings_have_one_token_as_long_as_nothing_changes_and_another_after_every_key_that_counts() -> None:
    controls = _press(_controls(), "2")
    late = 2 * FADE_NS
    assert controls.settings(late).token == controls.settings(late + 1).token
    assert controls.settings(100).token != controls.settings(200).token
    for key in ("-", "k", "m", "4"):
        changed = _press(Controls(_STYLES, controls.state), key, late)
        assert changed.settings(3 * late).token != controls.settings(3 * late).token


def test_strength_moves_by_tenths_and_stops_at_both_ends() -> None:
    controls = _controls(strength=0.25)
    for expected in (0.15, 0.05, 0.0, 0.0):
        assert _press(controls, "-").state.strength == expected
    for _ in range(12):
        _press(controls, "+")
    assert controls.state.strength == 1.0


def test_zero_returns_to_the_look_of_the_start_and_a_digit_without_a_style_does_nothing() -> None:
    controls = _press(_controls(style=3), "0")
    state = controls.state
    assert state.style == _STYLES.start
    assert _press(controls, "9").state is state


def test_compare_goes_round() -> None:
    controls, seen = _controls(), []
    for _ in range(3):
        seen.append(_press(controls, "c").state.compare)
    assert seen == [Compare.SIDE, Compare.SPLIT, Compare.OFF]


def test_a_net_without_styles_stays_as_it_is_and_says_why() -> None:
    controls = _press(Controls(StyleList(names=("own",), vectors=(None,), start=0)), "n")
    assert controls.settings(1).params.vector is None
    assert controls.state.message == "this net has one style only"


def test_where_frames_are_only_enlarged_keys_that_mix_change_nothing_and_say_why() -> None:
    only = StyleList(names=("sr2",), vectors=(None,), start=0, paints=False)
    for event in (Key("-"), Key("+"), Key("k"), Key("n"), Message("strength", 0.5), Message("keep_colors", True)):
        controls = Controls(only)
        token = controls.settings(0).token
        controls.handle(event, 0)
        assert controls.settings(0).token == token
        assert controls.state.message == "only enlarged: start with --style to paint, too"


def test_what_only_the_session_can_do_is_asked_for_once_and_in_order() -> None:
    controls = _controls()
    state = controls.state
    for event in (Key("s"), Key("R"), Message("full screen"), Key("escape"), Key("x"), Key("")):
        controls.handle(event, 0)
    assert controls.take_requests() == [Request.SNAPSHOT, Request.RECORD, Request.FULL_SCREEN, Request.QUIT]
    assert controls.take_requests() == []
    assert controls.state is state


def test_a_click_moves_the_split_line_where_there_is_one() -> None:
    controls = _controls()
    controls.handle(Click(0.3), 0)
    assert controls.state.split == 0.5
    _press(_press(controls, "c"), "c")
    for x, split in ((0.3, 0.3), (-1, 0.0), (7, 1.0)):
        controls.handle(Click(x), 0)
        assert controls.state.split == split


def test_a_message_does_what_a_key_does_or_gives_a_field_a_value() -> None:
    controls = _controls()
    for name, value in (
        ("style", "d"),
        ("strength", 0.5),
        ("keep_colors", True),
        ("mirror", True),
        ("mirror", True),
        ("compare", "side by side"),
        ("split", 0.25),
        ("info", False),
        ("help", True),
        ("paused", True),
    ):
        controls.handle(Message(name, value), 0)
    state = controls.state
    assert (state.style, state.strength, state.keep_colors, state.mirror) == (3, 0.5, True, True)
    assert (state.compare, state.split, state.info, state.help, state.paused) == (Compare.SIDE, 0.25, False, True, True)
    for action in Action:
        by_message, by_key = _controls(), _controls()
        by_message.handle(Message(action.value), 0)
        key = next(chr(code) for code in range(128) if meaning(chr(code)) is action)
        assert vars(by_message.state).keys() == vars(_press(by_key, key).state).keys()
        assert by_message.settings(1).token == by_key.settings(1).token


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("strenght", 0.5, "did you mean strength"),
        ("strength", 1.5, "strength is 0 to 1, got 1.5"),
        ("strength", float("nan"), "strength is 0 to 1, got nan"),
        ("strength", "much", "strength is 0 to 1, got 'much'"),
        ("strength", None, "strength is 0 to 1, got None"),
        ("style", "e", "no style is called 'e'"),
        ("mirror", 1, "mirror is true or false, got 1"),
        ("compare", "both", "compare is one of off, side by side, split line, got 'both'"),
        ("quit", "now", "no 'quit'"),
        ("message", "x", "no 'message'"),
    ],
)
def test_a_message_without_a_meaning_is_refused_and_changes_nothing(name: str, value: object, why: str) -> None:
    controls = _controls()
    state = controls.state
    with pytest.raises(BadInputError, match=why):
        controls.handle(Message(name, value), 0)
    assert controls.state is state


def test_a_message_on_the_screen_stays_for_three_seconds() -> None:
    controls = _controls()
    controls.say("saved x.png", 10**9)
    assert (controls.state.message, controls.state.message_until_ns) == ("saved x.png", 4 * 10**9)


@pytest.mark.parametrize(
    ("code", "asks_for"),
    [
        (-1, None),
        (ord("n"), Action.NEXT_STYLE),
        (ord("N"), Action.NEXT_STYLE),
        (0xFF51, Action.PREVIOUS_STYLE),
        (0x100000 | 0xFF53, Action.NEXT_STYLE),
        (0x260000, Action.STRONGER),
        (ord("7"), 7),
        (0xFFB3, 3),
        (27, Request.QUIT),
        (ord("x"), None),
        (178, None),
    ],
)
def test_codes_of_every_window_system_are_understood(code: int, asks_for: Action | Request | int | None) -> None:
    key = key_of(code)
    assert (None if key is None else meaning(key)) == asks_for


def test_every_action_has_a_key_and_the_help_names_every_key() -> None:
    reached = {meaning(key_of(code) or "") for code in range(128)}
    assert {*Action, *Request} <= reached
    named = "".join(keys for keys, _ in HELP)
    assert all(letter in named for letter in "np+-kcmisrfhq")


def test_the_list_holds_all_styles_the_blend_of_the_start_and_leaves_out_what_cannot_be_read(tmp_path: Path) -> None:
    library, chosen = Library(), resolve(StyleOptions(style="udnie:0.5,wave:0.5"))
    (tmp_path / "fast").mkdir()
    (tmp_path / "fast" / "broken.safetensors").write_bytes(b"nonsense")
    mine = library.style("udnie", chosen.net)
    write_style(tmp_path / "fast" / "udnie.safetensors", mine)
    notices: list[str] = []
    styles = style_list(chosen, Library(tmp_path), notices.append)
    assert styles.names == (*library.styles("fast"), "udnie:0.5,wave:0.5")
    assert styles.start == len(styles.names) - 1
    assert len(notices) == 1
    assert "broken" in notices[0]
