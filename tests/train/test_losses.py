from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from train import losses  # noqa: E402
from train.losses import Motion, draw_motion, move  # noqa: E402


def _features(seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed))


def test_the_gram_matrix_is_the_papers_sum_over_pixels() -> None:
    features = _features()
    for n in range(2):
        for c in range(3):
            for d in range(3):
                total = sum(
                    float(features[n, c, h, w]) * float(features[n, d, h, w]) for h in range(4) for w in range(5)
                )
                assert float(losses.gram_matrix(features)[n, c, d]) == pytest.approx(total / (3 * 4 * 5), rel=1e-5)


def test_feature_reconstruction_is_the_squared_distance_over_the_size() -> None:
    one, other = _features(0), _features(1)
    expected = [float(((one[n] - other[n]) ** 2).sum()) / (3 * 4 * 5) for n in range(2)]
    assert losses.feature_reconstruction(one, other).tolist() == pytest.approx(expected, rel=1e-5)


def test_style_reconstruction_sums_the_layers() -> None:
    grams = {"a": torch.ones(1, 2, 2), "b": torch.full((1, 3, 3), 2.0)}
    targets = {"a": torch.zeros(1, 2, 2), "b": torch.full((1, 3, 3), 5.0)}
    assert losses.style_reconstruction(grams, targets).tolist() == [1 + 9]


def test_style_does_not_depend_on_where_things_are() -> None:
    features = _features()
    shuffled = features.flatten(2)[..., torch.randperm(20, generator=torch.Generator().manual_seed(0))].view(2, 3, 4, 5)
    assert torch.allclose(losses.gram_matrix(features), losses.gram_matrix(shuffled))


def test_total_variation_counts_steps_between_neighbours() -> None:
    picture = torch.zeros(1, 3, 4, 4)
    assert losses.total_variation(picture).tolist() == [0]
    picture[..., 2:] = 0.5  # one step of 0.5 in three across, none down
    assert losses.total_variation(picture).tolist() == pytest.approx([0.25 / 3])


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-7, 7), (5, 0)])
def test_a_painter_that_follows_the_motion_is_perfectly_stable(shift: tuple[int, int]) -> None:
    photo = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(1))
    moved = move(photo, Motion(shifts=torch.tensor([shift]), noise=torch.zeros(1, 3, 24, 32)))
    assert losses.stability(photo, moved, torch.tensor([shift])).tolist() == [0]
    if shift != (0, 0):
        assert losses.stability(photo, photo, torch.tensor([shift])).item() > 0.01
        assert losses.stability(photo, moved, torch.tensor([(-shift[0], -shift[1])])).item() > 0.01


def test_parts_of_a_motion_are_the_motion_of_the_parts() -> None:
    whole = draw_motion((4, 3, 16, 16), torch.Generator().manual_seed(3))
    photos = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(4))
    assert torch.equal(move(photos, whole)[2:], move(photos[2:], whole.part(slice(2, 4))))


def test_the_gradient_of_the_gram_matrix_is_that_of_the_plain_product() -> None:
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    towards = torch.randn(2, 3, 3)  # not symmetric
    flat = features.flatten(2)
    (plain,) = torch.autograd.grad(((flat @ flat.transpose(1, 2)).float() / 60 * towards).sum(), features)
    (ours,) = torch.autograd.grad((losses.gram_matrix(features) * towards).sum(), features)
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-6)
