from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtstyle
from engines.contract import Picture


def _picture(height: int, width: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@settings(max_examples=10, deadline=None)
@given(height=st.integers(16, 70), width=st.integers(16, 70))
def test_any_size_gives_the_same_size_back(height: int, width: int) -> None:
    with rtstyle.Stylizer("udnie") as stylizer:
        assert stylizer(_picture(height, width)).shape == (height, width, 3)


def test_stream_paints_every_frame_in_order_across_a_change_of_size() -> None:
    frames = [_picture(32, 48, seed) for seed in range(3)] + [_picture(40, 24, seed) for seed in range(3)]
    with rtstyle.Stylizer("udnie") as stylizer:
        alone = [stylizer(frame) for frame in frames]
        streamed = list(stylizer.stream(iter(frames)))
    assert len(streamed) == len(frames)
    for one, other in zip(alone, streamed, strict=True):
        assert np.array_equal(one, other)


def test_a_blend_lies_between_its_styles_and_differs_from_both() -> None:
    frame = _picture(64, 64)
    painted = {}
    for style in ("udnie", "wave", "udnie:0.5,wave:0.5", "wave,udnie"):
        with rtstyle.Stylizer(style) as stylizer:
            painted[style] = stylizer(frame)
    assert np.array_equal(painted["udnie:0.5,wave:0.5"], painted["wave,udnie"])
    assert not np.array_equal(painted["udnie"], painted["wave,udnie"])
    assert not np.array_equal(painted["wave"], painted["wave,udnie"])


def test_no_strength_returns_the_frame() -> None:
    frame = _picture(32, 32)
    with rtstyle.Stylizer("udnie", strength=0) as stylizer:
        assert np.array_equal(stylizer(frame), frame)


@pytest.mark.parametrize(
    "frame",
    [np.zeros((32, 32), np.uint8), np.zeros((32, 32, 4), np.uint8), np.zeros((32, 32, 3), np.float32), "photo.jpg"],
)
def test_anything_but_an_rgb_frame_is_refused_in_one_line(frame: object) -> None:
    with rtstyle.Stylizer("udnie") as stylizer, pytest.raises(rtstyle.RtStyleError, match="uint8") as caught:
        stylizer(frame)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_wrong_name_suggests_the_nearest() -> None:
    with pytest.raises(rtstyle.RtStyleError, match="did you mean udnie"):
        rtstyle.Stylizer("udne")


def test_a_stylizer_can_be_used_again_after_close() -> None:
    stylizer = rtstyle.Stylizer("udnie")
    frame = _picture(32, 32)
    first = stylizer(frame)
    stylizer.close()
    stylizer.close()
    assert np.array_equal(stylizer(frame), first)
    stylizer.close()
