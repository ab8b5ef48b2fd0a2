from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from train.sr.evaluation import bicubic_matrix, imresize

from tests.conftest import shared


def _read(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_downscaling_makes_the_pictures_that_matlab_made_bit_for_bit(scale: int) -> None:
    folder = shared("sr/Set5")
    files = sorted((folder / f"HR_x{scale}").iterdir())
    assert len(files) == 5
    for file in files:
        made = imresize(_read(file), Fraction(1, scale))
        np.testing.assert_array_equal(made, _read(folder / f"LR_x{scale}" / file.name))


@given(length=st.integers(1, 60), factor=st.sampled_from([Fraction(1, 4), Fraction(1, 2), Fraction(3, 5), Fraction(3)]))
def test_weights_sum_to_one_and_sides_are_rounded_up(length: int, factor: Fraction) -> None:
    matrix = bicubic_matrix(length, factor)
    assert matrix.shape == (-(-length * factor.numerator // factor.denominator), length)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)


def test_a_flat_picture_stays_as_it_is() -> None:
    picture = np.full((13, 17, 3), 77, np.uint8)
    np.testing.assert_array_equal(imresize(picture, 3), np.full((39, 51, 3), 77, np.uint8))


def test_overshoot_is_clipped_and_not_wrapped_around() -> None:
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:, 8:] = 255
    made = imresize(picture, 4).astype(int)
    assert (np.diff(made[0, :, 0]) >= 0).all()
    assert (made.min(), made.max()) == (0, 255)
