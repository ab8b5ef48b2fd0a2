"""Fitting, comparing, writing on pictures, and the test pattern."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.live.compare import canvas
from realtime.live.controls import Compare
from realtime.live.fit import fit
from realtime.live.overlay import Notes, draw
from realtime.live.pattern import PatternSource

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


def test_compare_shows_the_original_to_the_left_and_the_painted_picture_to_the_right() -> None:
    red, blue = (np.full((360, 400, 3), color, np.uint8) for color in ((255, 0, 0), (0, 0, 255)))
    side = canvas(red, blue, Compare.SIDE, 0.5)
    assert side.shape == (360, 800, 3)
    assert tuple(side[0, 399]) == (0, 0, 255)  # BGR
    assert tuple(side[0, 400]) == (255, 0, 0)
    split = canvas(red, blue, Compare.SPLIT, 0.25)
    assert tuple(split[5, 90]) == (0, 0, 255)
    assert tuple(split[5, 100]) == (255, 255, 255)
    assert tuple(split[5, 110]) == (255, 0, 0)
    assert (red == (255, 0, 0)).all()
    assert (blue == (0, 0, 255)).all()


def test_compare_brings_the_original_to_the_size_of_an_enlarged_picture() -> None:
    red, blue = np.full((200, 100, 3), (255, 0, 0), np.uint8), np.full((400, 200, 3), (0, 0, 255), np.uint8)
    side = canvas(red, blue, Compare.SIDE, 0.5)
    assert side.shape == (400, 400, 3)
    assert (side[:, :200] == (0, 0, 255)).all()  # BGR
    split = canvas(red, blue, Compare.SPLIT, 0.5)
    assert split.shape == (400, 200, 3)
    assert (split[:, :98] == (0, 0, 255)).all()
    assert (split[:, 102:] == (255, 0, 0)).all()


def test_small_pictures_are_enlarged_for_the_window() -> None:
    assert canvas(*[np.zeros((120, 160, 3), np.uint8)] * 2, Compare.OFF, 0.5).shape == (360, 480, 3)


_NOTES = Notes(
    style="udnie",
    details=("strength 80%",),
    info="30 fps   20 ms",
    recording="1:02",
    paused=True,
    trouble="cam has gone: trying again in 4 s",
    message="saved x.png",
)


@settings(max_examples=40, deadline=None)
@given(width=st.integers(20, 2000), height=st.integers(20, 1200), helps=st.booleans(), text=st.text(max_size=200))
def test_notes_fit_on_pictures_of_every_size(width: int, height: int, helps: bool, text: str) -> None:
    picture = np.full((height, width, 3), 128, np.uint8)
    draw(picture, Notes(style=text, info="30 fps", trouble=text, help=helps, styles=("a", "b")))
    assert picture.shape == (height, width, 3)


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (1920, 1080)])
def test_notes_leave_the_middle_of_the_picture_alone(size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    draw(picture, _NOTES)
    assert (picture[size[1] // 4 : size[1] * 3 // 4] == 128).all()
    corners = picture[:80, :120], picture[:80, -120:], picture[-60:, :120]
    assert all((corner > 220).any() and (corner < 60).any() for corner in corners)  # white on dark


def test_the_help_fits_on_the_smallest_window() -> None:
    picture = np.full((360, 480, 3), 128, np.uint8)
    draw(picture, Notes(style="x", help=True, styles=tuple(f"a-long-style-name-{n}" for n in range(20))))
    assert (picture[0] == 128).all()
    assert (picture[:, 0] == 128).all()


def test_no_two_neighbours_of_the_pattern_are_alike_and_it_can_start_again() -> None:
    source = PatternSource((64, 48))
    frames = [source.read().picture for _ in range(300)]
    assert all(frame.shape == (48, 64, 3) for frame in frames)
    assert all((one != other).any() for one, other in itertools.pairwise(frames))
    source.rewind()
    np.testing.assert_array_equal(source.read().picture, frames[0])


def test_a_pattern_with_a_rate_has_a_clock() -> None:
    source = PatternSource((64, 48), fps=20)
    assert source.timing == "paced"
    assert [source.read().clock_s for _ in range(3)] == [0, 0.05, 0.1]
