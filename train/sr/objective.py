"""What an upscaler is trained to make small."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from train.loss_networks import LossNetwork
from train.losses import feature_reconstruction

__all__ = ["FEATURE_LAYER", "SrTerms", "feature_loss", "pixel_loss"]

FEATURE_LAYER = "relu2_2"
"""As for super-resolution in Johnson et al. 2016."""
_LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""BT.601, as in the metric."""
_COLOUR_SHARE = 0.25
_SMOOTH = 1e-3
_FEATURE_SCALE = 1e-5
"""Brings squared distances of features of the original VGG, some 1e4, near the other terms."""


@dataclass(frozen=True, kw_only=True)
class SrTerms:
    """Each weighted; scalars."""

    pixel: Tensor
    feature: Tensor
    adversarial: Tensor

    def total(self) -> Tensor:
        return self.pixel + self.feature + self.adversarial


def pixel_loss(made: Tensor, original: Tensor) -> Tensor:
    """Charbonnier on luma, and with a quarter of the weight on RGB. Both float `(n, 3, h, w)`, RGB in 0..1; a scalar.

    Luma is what eyes and the tables look at; without the colour term nothing would hold the colours.
    """
    difference = made - original
    luma = torch.einsum("nchw,c->nhw", difference, difference.new_tensor(_LUMA))
    return _charbonnier(luma) + _COLOUR_SHARE * _charbonnier(difference)


def feature_loss(made: Tensor, original: Tensor, network: LossNetwork) -> Tensor:
    """Eq. 2 of Johnson et al. at relu2_2. Both float `(n, 3, h, w)`, RGB in 0..1; a scalar near 0.1."""
    with torch.no_grad():
        wanted = network(original, (FEATURE_LAYER,))[FEATURE_LAYER]
    features = network(made, (FEATURE_LAYER,))[FEATURE_LAYER]
    return _FEATURE_SCALE * feature_reconstruction(features, wanted).mean()


def _charbonnier(difference: Tensor) -> Tensor:
    """A differentiable absolute value (Charbonnier et al. 1994; Lai et al. 2017, eq. 2), averaged: a scalar."""
    return (difference.square() + _SMOOTH**2).sqrt().mean()
