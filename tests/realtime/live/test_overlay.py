"""Writing on pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.live.viewer import Notes, draw

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
