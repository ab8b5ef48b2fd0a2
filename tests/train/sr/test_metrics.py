import numpy as np
import pytest
from train.sr.evaluation import imresize, luma, psnr, read_pairs, ssim

from tests.conftest import shared


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
