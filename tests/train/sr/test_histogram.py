import numpy as np
from train.sr.evaluation import match_histogram


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
