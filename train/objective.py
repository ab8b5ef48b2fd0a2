"""The objective of bank training (Johnson et al. 2016, eq. 5, with a stability term)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from train.config import LossWeights
from train.loss_networks import CONTENT_LAYER, STYLE_LAYERS, LossNetwork
from train.losses import feature_reconstruction, gram_matrix, stability, style_reconstruction, total_variation
from train.networks import TransformNet
from train.paintings import StyleTargets

__all__ = ["LossTerms", "Motion", "content_features", "draw_motion", "move", "objective", "perceptual_terms"]

_MAX_SHIFT = 7
_NOISE = 4 / 255
_SQUARED_255 = 255.0**2
"""Brings mean squares of pictures in 0..1 to the scale that the weights are for."""


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

    def means(self) -> Tensor:
        """The mean of each over the batch, without gradients: float32 `(4,)`, in the order of the fields."""
        return torch.stack([getattr(self, field.name).detach().mean() for field in fields(self)])


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How the camera moved, and its noise, for each sample."""

    shifts: Tensor
    """int64 `(n, 2)`: pixels down and right, at most 7 either way."""
    noise: Tensor
    """float32 `(n, 3, h, w)`, to be added to pictures in 0..1."""

    def part(self, samples: slice) -> Motion:
        """The motion of some of the samples."""
        return Motion(shifts=self.shifts[samples], noise=self.noise[samples])


def draw_motion(shape: Sequence[int], generator: torch.Generator) -> Motion:
    """Random motion and noise for photos of `shape` `(n, 3, h, w)`: the same state of `generator`, the same motion."""
    shifts = torch.randint(-_MAX_SHIFT, _MAX_SHIFT + 1, (shape[0], 2), generator=generator)
    return Motion(shifts=shifts, noise=torch.randn(tuple(shape), generator=generator) * _NOISE)


def move(photos: Tensor, motion: Motion) -> Tensor:
    """Shift each photo and add noise, as a camera's next frame would. Edges are repeated.

    photos: float `(n, 3, h, w)` in 0..1; so is what it returns.
    """
    height, width = photos.shape[2:]
    padded = F.pad(photos, (_MAX_SHIFT,) * 4, mode="replicate")
    moved = [
        one[:, _MAX_SHIFT - down : _MAX_SHIFT - down + height, _MAX_SHIFT - right : _MAX_SHIFT - right + width]
        for one, (down, right) in zip(padded, motion.shifts.tolist(), strict=True)
    ]
    return (torch.stack(moved) + motion.noise.to(photos)).clamp(0, 1)


def objective(
    net: TransformNet,
    photos: Tensor,
    vectors: Tensor,
    styles: Tensor,
    *,
    targets: StyleTargets,
    loss_network: LossNetwork,
    weights: LossWeights,
    motion: Motion,
) -> LossTerms:
    """All terms for one batch.

    photos: float `(n, 3, h, w)`, RGB in 0..1. vectors: the style vectors of all styles, `(styles, d)`;
    styles: int `(n,)`, rows of `vectors` and of `targets`.
    """
    wanted = vectors[styles]
    painted = net(photos, wanted)
    content = content_features(photos, loss_network)
    terms = perceptual_terms(painted, content, styles, targets=targets, loss_network=loss_network, weights=weights)
    if not weights.stability:
        return terms
    moved = net(move(photos, motion), wanted)
    steady = stability(painted.float(), moved.float(), motion.shifts)
    return replace(terms, stability=weights.stability * _SQUARED_255 * steady)


@torch.no_grad()
def content_features(photos: Tensor, loss_network: LossNetwork) -> Tensor:
    """What a picture of these photos should keep. photos: float `(n, 3, h, w)`, RGB in 0..1."""
    features: Tensor = loss_network(photos, (CONTENT_LAYER,))[CONTENT_LAYER]
    return features


def perceptual_terms(
    painted: Tensor,
    content: Tensor | None,
    styles: Tensor,
    *,
    targets: StyleTargets,
    loss_network: LossNetwork,
    weights: LossWeights,
) -> LossTerms:
    """The terms of eq. 5 for pictures, wherever they come from; stability is 0.

    painted: float `(n, 3, h, w)`, RGB in 0..1. content: the photos' features; None for a texture without content.
    styles: int `(n,)`, rows of `targets`.
    """
    features = loss_network(painted, STYLE_LAYERS)
    grams = {layer: gram_matrix(features[layer]) for layer in STYLE_LAYERS}
    wanted = {layer: gram[styles] for layer, gram in targets.grams.items()}
    style = targets.weights[styles] * style_reconstruction(grams, wanted)
    nothing = torch.zeros_like(style)
    kept = nothing if content is None else feature_reconstruction(features[CONTENT_LAYER], content)
    return LossTerms(
        content=weights.content * targets.unit * kept,
        style=weights.style * targets.unit * style,
        variation=weights.variation * _SQUARED_255 * total_variation(painted.float()),
        stability=nothing,
    )
