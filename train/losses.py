"""The perceptual losses of Johnson, Alahi, Fei-Fei 2016 as pure functions of feature maps and pictures."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["feature_reconstruction", "gram_matrix", "stability", "style_reconstruction", "total_variation"]


def feature_reconstruction(features: Tensor, target: Tensor) -> Tensor:
    """Eq. 2: squared distance of two feature maps over C H W. Both float `(n, c, h, w)`; returns `(n,)`."""
    return (features.float() - target.float()).square().mean(dim=(1, 2, 3))


def gram_matrix(features: Tensor) -> Tensor:
    """Eq. 3: uncentred covariance of the channels over C H W. float `(n, c, h, w)` in, `(n, c, c)` out, float32.

    bf16 features are multiplied as they are: the sums are in float32 inside the matrix product.
    """
    n, c, h, w = features.shape
    flat = features.permute(0, 2, 3, 1).reshape(n, h * w, c)  # no copy where memory is channels_last
    gram = (flat.detach().transpose(1, 2) @ flat).float()
    # The other factor's share of the gradient is the same product with the incoming gradient transposed: added here, on
    # c x c numbers, it saves a product over all pixels and a sum of two large maps that lie differently in memory.
    other = gram.transpose(1, 2)
    return (gram + (other - other.detach())) / (c * h * w)


def style_reconstruction(grams: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
    """Eq. 4 summed over the layers of `targets`, each over C^2 as in the authors' code (`MSECriterion`).

    Both map a layer's name to Gram matrices `(n, c, c)`; returns `(n,)`.
    """
    terms = [(grams[layer] - target).square().mean(dim=(1, 2)) for layer, target in targets.items()]
    return torch.stack(terms).sum(0)


def total_variation(picture: Tensor) -> Tensor:
    """Mean squared difference of neighbours, across and down. float `(n, 3, h, w)`; returns `(n,)`.

    The paper cites Mahendran and Vedaldi 2015 for this regulariser; exponent 2 as in the authors' code.
    """
    down = (picture[:, :, 1:] - picture[:, :, :-1]).square().mean(dim=(1, 2, 3))
    across = (picture[:, :, :, 1:] - picture[:, :, :, :-1]).square().mean(dim=(1, 2, 3))
    return down + across


def stability(painted: Tensor, moved_then_painted: Tensor, shifts: Tensor) -> Tensor:
    """How much painting a moved, noisy picture differs from moving the painted one: mean squared difference.

    painted, moved_then_painted: float `(n, 3, h, w)`; shifts: int `(n, 2)`, the (down, right) motion in pixels
    that `moved_then_painted` was made with (see `shift`). Pixels that came into view do not count.
    Returns `(n,)`.
    """
    height, width = painted.shape[2:]
    terms = []
    for one, other, (down, right) in zip(painted, moved_then_painted, shifts.tolist(), strict=True):
        rows = slice(max(down, 0), height + min(down, 0)), slice(max(-down, 0), height + min(-down, 0))
        columns = slice(max(right, 0), width + min(right, 0)), slice(max(-right, 0), width + min(-right, 0))
        terms.append((other[:, rows[0], columns[0]] - one[:, rows[1], columns[1]]).square().mean())
    return torch.stack(terms)
