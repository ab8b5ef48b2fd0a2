from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import BadInputError
from tests.conftest import shared
from train.sr.evaluation import bicubic_matrix, imresize, luma, match_histogram, psnr, read_pairs, ssim


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


def _write(path: Path, height: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def test_pairs_have_sides_that_fit() -> None:
    pairs = read_pairs(shared("sr/Set14"), 3)
    assert len(pairs) == 14
    assert all(high.shape[:2] == (3 * low.shape[0], 3 * low.shape[1]) for low, high in pairs)


def test_a_scale_that_the_set_lacks_is_made_of_another_one(tmp_path: Path) -> None:
    _write(tmp_path / "HR_x4" / "a.png", 40, 52)
    ((low, high),) = read_pairs(tmp_path, 3)
    assert (low.shape, high.shape) == ((13, 17, 3), (39, 51, 3))
    np.testing.assert_array_equal(low, imresize(high, Fraction(1, 3)))


def test_pictures_that_are_no_pair_are_refused(tmp_path: Path) -> None:
    _write(tmp_path / "HR_x4" / "a.png", 40, 52)
    _write(tmp_path / "LR_x4" / "a.png", 10, 12)
    with pytest.raises(BadInputError, match="4 times the other"):
        read_pairs(tmp_path, 4)


def test_a_missing_low_resolution_is_named(tmp_path: Path) -> None:
    _write(tmp_path / "HR_x4" / "a.png", 40, 52)
    (tmp_path / "LR_x4").mkdir()
    with pytest.raises(BadInputError, match=r"LR_x4.a\.png cannot be read"):
        read_pairs(tmp_path, 4)


def test_a_folder_that_is_no_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="HR_xN"):
        read_pairs(tmp_path, 4)


@pytest.mark.parametrize(
    ("scale", "decibels", "similarity"), [(2, 33.64, 0.9292), (3, 30.39, 0.8678), (4, 28.42, 0.8101)]
)
def test_bicubic_has_the_figures_of_the_literature_on_set5(scale: int, decibels: float, similarity: float) -> None:
    pairs = read_pairs(shared("sr/Set5"), scale)
    made = [(imresize(low, scale), high) for low, high in pairs]
    assert np.mean([psnr(up, high, scale) for up, high in made]) == pytest.approx(decibels, abs=0.006)
    assert np.mean([ssim(up, high, scale) for up, high in made]) == pytest.approx(similarity, abs=1e-4)


def test_luma_has_the_range_of_video() -> None:
    ends = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], np.uint8)
    np.testing.assert_array_equal(luma(ends), [[16, 235, 81]])


def test_equal_pictures_have_no_error() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    assert psnr(picture, picture, 4) == float("inf")
    assert ssim(picture, picture, 4) == pytest.approx(1)


def test_the_border_does_not_count() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    other = picture.copy()
    other[:4], other[-4:], other[:, :4], other[:, -4:] = 0, 0, 0, 0
    assert psnr(picture, other, 4) == float("inf")
    assert psnr(picture, other, 3) < 40


def test_a_picture_matched_to_itself_stays_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    np.testing.assert_array_equal(match_histogram(picture, picture), picture)


def test_colours_take_the_distribution_of_the_reference() -> None:
    rng = np.random.default_rng(0)
    picture = rng.normal(90, 10, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    reference = rng.normal((60, 120, 180), (30, 5, 15), (32, 32, 3)).clip(0, 255).astype(np.uint8)
    matched = match_histogram(picture, reference)
    np.testing.assert_allclose(matched.mean((0, 1)), reference.mean((0, 1)), atol=1.5)
    np.testing.assert_allclose(matched.std((0, 1)), reference.std((0, 1)), atol=1.5)
