from __future__ import annotations

import numpy as np
import pytest
from realtime.pictures.read import Photo

from engines.errors import BadInputError
from realtime.pictures.batch import Box, parse_box
from tests.realtime.pictures.files import gradient


def test_holes_take_the_colours_around_them_and_the_rest_stays() -> None:
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:, :40] = (200, 40, 40)
    pixels[:, 40:] = (40, 40, 200)
    alpha = np.full((60, 80), 255, np.uint8)
    alpha[20:40, 5:25] = alpha[20:40, 55:75] = 0
    alpha[0, 0] = 1
    holes = alpha == 0
    pixels[holes] = 0
    filled = Photo(pixels=pixels, alpha=alpha).without_holes()
    assert np.array_equal(filled.pixels[~holes], pixels[~holes])
    assert np.abs(filled.pixels[20:40, 5:25].astype(int) - [200, 40, 40]).max() < 40
    assert np.abs(filled.pixels[20:40, 55:75].astype(int) - [40, 40, 200]).max() < 40
    assert filled.alpha is alpha


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 3), (1025, 513)])
def test_holes_of_any_size_are_filled(size: tuple[int, int]) -> None:
    width, height = size
    pixels, alpha = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
    pixels[0, 0], alpha[0, 0] = (90, 160, 30), 255
    filled = Photo(pixels=pixels, alpha=alpha).without_holes().pixels
    assert np.abs(filled.astype(int) - [90, 160, 30]).max() <= 2


def test_a_picture_without_holes_or_with_nothing_to_see_stays_as_it_is() -> None:
    for alpha in (None, np.full((30, 40), 1, np.uint8), np.zeros((30, 40), np.uint8)):
        photo = Photo(pixels=gradient(), alpha=alpha)
        assert photo.without_holes() is photo


def test_alpha_follows_pictures_that_change_their_size() -> None:
    alpha = np.zeros((30, 40), np.uint8)
    alpha[:, 20:] = 255
    photo = Photo(pixels=gradient(), alpha=alpha)
    for other in (photo.resized((80, 60)), photo.painted(np.zeros((60, 80, 3), np.uint8))):
        assert other.size == (80, 60)
        assert other.alpha is not None
        assert other.alpha.shape == (60, 80)
        assert not other.alpha[:, :36].any()
        assert (other.alpha[:, 44:] == 255).all()


@pytest.mark.parametrize(
    ("text", "size", "fitted"),
    [
        ("20x20", (40, 30), (20, 15)),
        ("80", (40, 30), (80, 60)),
        ("10x1000", (40, 30), (10, 8)),
        ("1", (9, 900), (1, 1)),
    ],
)
def test_a_box_keeps_the_shape(text: str, size: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert parse_box(text).fitted(size) == fitted


@pytest.mark.parametrize("text", ["", "x", "0x10", "10x", "-5", "10x10x10", "1.5", "99999", "wide", "²"])
def test_sizes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="WIDTHxHEIGHT or one number"):
        parse_box(text)


def test_a_box_is_what_was_said() -> None:
    assert parse_box("640X480") == Box(width=640, height=480)
