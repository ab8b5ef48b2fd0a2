"""What an upscaler is trained to make small."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from train.loss_networks import LossNetwork
from train.losses import feature_reconstruction

__all__ = ["SrTerms", "feature_loss", "pixel_loss"]

_FEATURES = {"relu2_2": 1e-5, "relu1_2": 4e-5}
"""Layers and weights, which bring squared distances of the original VGG's features, some 1e4, near the other terms.

relu2_2 is that of Johnson et al. 2016. Alone it draws a fine grid, for it lies behind a maximum over each 2x2 pixels,
which does not see the pixels below the maximum; relu1_2 does.
"""
_USUAL_SQUARES = {"relu2_2": 8e4, "relu1_2": 4e4}
"""Mean squares of those features of photos: what another loss network's are brought to."""
_LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""BT.601, as in the metric."""
_COLOUR_SHARE = 0.25
_SMOOTH = 1e-3


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
    """Eq. 2 of Johnson et al., summed over layers. Both float `(n, 3, h, w)`, RGB in 0..1; a scalar near 0.2."""
    with torch.no_grad():
        wanted = network(original, _FEATURES)
    features = network(made, _FEATURES)
    terms = []
    for layer, scale in _FEATURES.items():
        unit = 1.0 if network.original_scale else _USUAL_SQUARES[layer] / float(wanted[layer].float().square().mean())
        terms.append(scale * unit * feature_reconstruction(features[layer], wanted[layer]).mean())
    return torch.stack(terms).sum()


def _charbonnier(difference: Tensor) -> Tensor:
    """A differentiable absolute value (Charbonnier et al. 1994; Lai et al. 2017, eq. 2), averaged: a scalar."""
    return (difference.square() + _SMOOTH**2).sqrt().mean()
