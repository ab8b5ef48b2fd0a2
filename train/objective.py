"""The objective of bank training (Johnson et al. 2016, eq. 5, with a stability term)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from train.config import BankConfig
from train.loss_networks import CONTENT_LAYER, STYLE_LAYERS, LossNetwork
from train.losses import feature_reconstruction, gram_matrix, stability, style_reconstruction, total_variation
from train.networks import TransformNet
from train.paintings import StyleTargets

__all__ = ["LossTerms", "move", "objective", "perceptual_terms"]

_MAX_SHIFT = 7
_NOISE = 4 / 255
_SQUARED_255 = 255.0**2


@dataclass(frozen=True, kw_only=True)
class LossTerms:
    """Each weighted and per sample, float32 `(n,)`."""

    content: Tensor
    style: Tensor
    variation: Tensor
    stability: Tensor

    def total(self) -> Tensor:
        """Their sum, averaged over the batch: a scalar."""
        return (self.content + self.style + self.variation + self.stability).mean()


def perceptual_terms(
    painted: Tensor, photos: Tensor, styles: Tensor, targets: StyleTargets, loss_network: LossNetwork
) -> tuple[Tensor, Tensor]:
    """Unweighted content and style terms, each `(n,)`.

    painted, photos: float `(n, 3, h, w)`, RGB in 0..1. styles: int `(n,)`, rows of `targets`.
    """
    with torch.no_grad():
        content = loss_network(photos, (CONTENT_LAYER,))[CONTENT_LAYER]
    features = loss_network(painted, STYLE_LAYERS)
    grams = {layer: gram_matrix(features[layer]) for layer in STYLE_LAYERS}
    wanted = {layer: gram[styles] for layer, gram in targets.grams.items()}
    return feature_reconstruction(features[CONTENT_LAYER], content), style_reconstruction(grams, wanted)


def move(photos: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Shift each photo by up to 7 pixels and add noise, as a camera's next frame would.

    photos: `(n, 3, h, w)` in 0..1. Returns the moved photos (edges repeated) and int `(n, 2)` (down, right).
    """
    shifts = torch.randint(-_MAX_SHIFT, _MAX_SHIFT + 1, (len(photos), 2), generator=generator)
    height, width = photos.shape[2:]
    padded = F.pad(photos, (_MAX_SHIFT,) * 4, mode="replicate")
    moved = [
        one[:, _MAX_SHIFT - down : _MAX_SHIFT - down + height, _MAX_SHIFT - right : _MAX_SHIFT - right + width]
        for one, (down, right) in zip(padded, shifts.tolist(), strict=True)
    ]
    noise = torch.randn(photos.shape, generator=generator) * _NOISE
    return (torch.stack(moved) + noise.to(photos)).clamp(0, 1), shifts


def objective(
    net: TransformNet,
    photos: Tensor,
    vectors: Tensor,
    styles: Tensor,
    *,
    targets: StyleTargets,
    loss_network: LossNetwork,
    config: BankConfig,
    generator: torch.Generator,
) -> LossTerms:
    """All terms for one batch. vectors: the style vectors of all styles, `(styles, d)`; styles: int `(n,)`."""
    wanted = vectors[styles]
    painted = net(photos, wanted)
    content, style = perceptual_terms(painted, photos, styles, targets, loss_network)
    steady = torch.zeros_like(content)
    if config.stability_weight:
        moved, shifts = move(photos, generator)
        steady = _SQUARED_255 * stability(painted.float(), net(moved, wanted).float(), shifts)
    return LossTerms(
        content=config.content_weight * content,
        style=config.style_weight * targets.weights[styles] * style,
        variation=config.variation_weight * _SQUARED_255 * total_variation(painted.float()),
        stability=config.stability_weight * steady,
    )
