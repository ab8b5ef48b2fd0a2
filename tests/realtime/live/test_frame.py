"""Fitting, and which frames count as repeated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.live.controls import Controls, Key, StyleList
from realtime.live.frame import LiveFrame, fit

_SIDES = st.integers(16, 300)


@settings(max_examples=60, deadline=None)
@given(came=st.tuples(_SIDES, _SIDES), wanted=st.tuples(_SIDES, _SIDES))
def test_every_size_is_fitted_to_every_other(came: tuple[int, int], wanted: tuple[int, int]) -> None:
    picture = np.full((came[1], came[0], 3), (10, 120, 240), np.uint8)
    fitted = fit(picture, wanted)
    assert fitted.shape == (wanted[1], wanted[0], 3)
    assert (fitted == (10, 120, 240)).all()


def test_fitting_keeps_proportions_and_cuts_both_sides_alike() -> None:
    wide = np.zeros((100, 400, 3), np.uint8)
    wide[:, 150:250] = 255  # the middle square
    assert (fit(wide, (100, 100)) == 255).all()


def test_a_frame_of_the_right_size_is_not_touched() -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    assert fit(picture, (64, 48)) is picture


def test_same_pixels_sees_a_difference_of_one_in_one_pixel() -> None:
    def frame(picture: np.ndarray) -> LiveFrame:
        return LiveFrame(picture=picture, captured_ns=0)

    one = np.zeros((50, 70, 3), np.uint8)
    other = one.copy()
    assert frame(one).same_pixels(frame(other))
    other[33, 7, 1] = 1
    assert not frame(one).same_pixels(frame(other))
    assert not frame(one).same_pixels(frame(one[:49]))


def test_a_frame_is_a_duplicate_only_where_the_clock_says_so_too() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    first, second = (LiveFrame(picture=picture, captured_ns=n, clock_s=1.0) for n in range(2))
    assert second.is_duplicate(first, same=True)
    assert not second.is_duplicate(first, same=False)
    second.clock_s = 1.1
    assert not second.is_duplicate(first, same=True)
    first.clock_s = second.clock_s = None
    assert not second.is_duplicate(first, same=True)


def test_a_frame_repeats_another_with_the_same_pixels_and_the_same_settings() -> None:
    controls = Controls(StyleList(names=("a",), vectors=(None,), start=0))
    first, second = (LiveFrame(picture=np.zeros((8, 8, 3), np.uint8), captured_ns=n, picture_id=4) for n in range(2))
    first.settings = second.settings = controls.settings(0)
    assert second.repeats(first)
    controls.handle(Key("m"), 0)
    second.settings = controls.settings(0)
    assert not second.repeats(first)
    second.settings, second.picture_id = first.settings, 5
    assert not second.repeats(first)


def test_what_a_stage_has_not_set_yet_cannot_be_read() -> None:
    frame = LiveFrame(picture=np.zeros((8, 8, 3), np.uint8), captured_ns=0)
    for name in ("original", "settings", "result"):
        with pytest.raises(AttributeError):
            getattr(frame, name)
