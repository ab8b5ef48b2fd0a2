from fractions import Fraction

import numpy as np
import pytest
import torch
from train.sr.data import degraded, downscaled
from train.sr.evaluation import imresize


def _crops(count: int = 8, side: int = 88) -> torch.Tensor:
    """Smooth random pictures: noise would show no difference between one damage and another."""
    small = np.random.default_rng(0).integers(0, 256, (count, side // 8, side // 8, 3), np.uint8)
    return torch.stack([torch.from_numpy(imresize(picture, 8)).permute(2, 0, 1) for picture in small]).float()


@pytest.mark.parametrize("scale", [2, 4])
def test_downscaling_a_batch_is_the_bicubic_of_the_benchmarks(scale: int) -> None:
    crops = _crops()
    low = downscaled(crops, scale)
    wanted = imresize(crops[3].permute(1, 2, 0).numpy().astype(np.uint8), Fraction(1, scale))
    difference = np.abs(low[3].permute(1, 2, 0).numpy() - wanted)
    assert difference.max() <= 1  # where float32 rounds to another side
    assert (difference > 0).mean() < 0.001


@pytest.mark.parametrize("kind", ["bicubic", "video", "paper"])
def test_low_resolution_is_8_bit_and_of_the_right_size(kind: str) -> None:
    low = degraded(_crops(), 4, kind, np.random.default_rng(0))
    assert low.shape == (8, 3, 22, 22)
    assert low.dtype == torch.float32
    assert torch.equal(low, low.round())
    assert low.min() >= 0
    assert low.max() <= 255


def test_the_same_generator_makes_the_same_video_damage() -> None:
    one, two, other = (degraded(_crops(), 2, "video", np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_video_leaves_some_pictures_clean_and_damages_others() -> None:
    crops = _crops(32)
    clean = downscaled(crops, 4)
    errors = (degraded(crops, 4, "video", np.random.default_rng(3)) - clean).abs().mean((1, 2, 3))
    assert (errors == 0).sum() >= 5
    assert (errors > 1).sum() >= 5
    assert errors.max() < 40  # a picture that came back in another's place would be further off


def test_the_papers_blur_takes_detail_away() -> None:
    crops = torch.randint(0, 256, (2, 3, 48, 48)).float()
    blurred = degraded(crops, 4, "paper", np.random.default_rng(0))
    assert blurred.std() < downscaled(crops, 4).std()
