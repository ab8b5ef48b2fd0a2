"""What stands before a pixel shuffle, kept from drawing a grid on flat areas."""

from __future__ import annotations

from torch import Tensor

__all__ = ["even_bias", "even_weight"]


def even_weight(weight: Tensor, factor: int) -> Tensor:
    """A convolution's kernels with all sub-pixels of a pixel alike where they see a flat area.

    weight: `(channels * factor**2, channels_in, k, k)`; so is what it returns. Each sub-pixel's sum over the k*k taps
    becomes the mean of its pixel's, for every input channel: a flat area stays flat, without the grid that such heads
    learn (Odena et al. 2016). Shapes inside the k*k taps are left to the training.
    """
    means = weight.mean((2, 3)).view(-1, factor**2, weight.shape[1])
    more = (means.mean(1, keepdim=True) - means).flatten(0, 1)
    return weight + more[:, :, None, None]


def even_bias(bias: Tensor, factor: int) -> Tensor:
    """The same for the bias, `(channels * factor**2,)`."""
    return bias.view(-1, factor**2).mean(1).repeat_interleave(factor**2)
