"""The perceptual losses of Johnson, Alahi, Fei-Fei 2016, paintings as their targets, and the objective made of them.

First the losses as pure functions of feature maps and pictures, then paintings as targets, then eq. 5 with a term for
stability beside the paper's, and what stands in its place where a net is distilled from another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import cv2
import torch
from torch import Tensor
from torch.nn import functional as F

from engines.errors import BadInputError
from train.config import LossWeights
from train.data import read_rgb
from train.loss_networks import CONTENT_LAYER, STYLE_LAYERS, LossNetwork
from train.networks import TransformNet

__all__ = [
    "LossTerms",
    "Motion",
    "StyleTargets",
    "content_features",
    "distillation_terms",
    "draw_motion",
    "feature_reconstruction",
    "gram_matrix",
    "move",
    "objective",
    "perceptual_terms",
    "read_painting",
    "stability",
    "style_reconstruction",
    "style_targets",
    "total_variation",
]

_FRAME = 0.04
"""The outer part of a reproduction that is left out on each side: frames, paper borders, scanner edges."""
_USUAL_SIZE = 7e5
"""A painting whose squared Gram matrices, in the original VGG's scale, sum to this much weighs as the config says."""
_MAX_SHIFT = 7
_NOISE = 4 / 255
_SQUARED_255 = 255.0**2
"""Brings mean squares of pictures in 0..1 to the scale that the weights are for."""
_PICTURE_SCALE = 2e5
"""Brings differences of pictures in 0..1 near the size of the perceptual terms, for distillation."""


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


@dataclass(frozen=True, kw_only=True)
class StyleTargets:
    """What the pictures of each style should come near."""

    grams: dict[str, Tensor]
    """Layer name to Gram matrices, float32 `(styles, c, c)`."""
    weights: Tensor
    """float32 `(styles,)`: paintings with small Gram matrices would otherwise lose against the content."""
    unit: float = 1.0
    """Brings squared features to the original VGG's scale, which the weights of a config are for."""

    def to(self, device: torch.device) -> StyleTargets:
        """The same on a device."""
        grams = {layer: gram.to(device) for layer, gram in self.grams.items()}
        return StyleTargets(grams=grams, weights=self.weights.to(device), unit=self.unit)


def read_painting(path: Path, short_side: int) -> Tensor:
    """A painting without its frame, its short side resized to `short_side`: float32 `(1, 3, h, w)`, RGB in 0..1."""
    picture = read_rgb(path)
    if picture is None:
        raise BadInputError(f"expected a painting as a picture file, {path} cannot be read: use JPEG, PNG or WebP")
    height, width = picture.shape[:2]
    top, left = round(height * _FRAME), round(width * _FRAME)
    picture = picture[top : height - top, left : width - left]
    scale = short_side / min(picture.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=method)
    return torch.from_numpy(resized).permute(2, 0, 1)[None].float() / 255


@torch.no_grad()
def style_targets(paintings: list[Path], loss_network: LossNetwork, short_side: int) -> StyleTargets:
    """Targets for all paintings, in their order, with the strokes at the scale that `short_side` gives them."""
    grams: dict[str, list[Tensor]] = {layer: [] for layer in STYLE_LAYERS}
    for painting in paintings:
        features = loss_network(read_painting(painting, short_side), STYLE_LAYERS)
        for layer in STYLE_LAYERS:
            grams[layer].append(gram_matrix(features[layer]))
    stacked = {layer: torch.cat(found) for layer, found in grams.items()}
    sizes = torch.stack([g.square().mean(dim=(1, 2)) for g in stacked.values()]).sum(0)
    weights = (_USUAL_SIZE / sizes).sqrt()
    # Features a times smaller make the Gram matrices a^2 times smaller, and so these weights a^2 times larger.
    unit = 1.0 if loss_network.original_scale else float(weights.median())
    return StyleTargets(grams=stacked, weights=weights, unit=unit)


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


def distillation_terms(made: Tensor, wanted: Tensor) -> LossTerms:
    """How far pictures are from those of the net that is distilled (Hinton, Vinyals, Dean 2015, on pictures).

    As the term of content; the others are 0. Absolute differences of the pictures and of their slopes, which hold the
    strokes. Both float `(n, 3, h, w)`. No loss network is asked: such a step costs a fraction of a perceptual one.
    """
    difference = made.float() - wanted.float()
    slopes = difference.diff(dim=2), difference.diff(dim=3)
    parts = (part.abs().mean(dim=(1, 2, 3)) for part in slopes)
    content = _PICTURE_SCALE * sum(parts, difference.abs().mean(dim=(1, 2, 3)))
    nothing = torch.zeros_like(content)
    return LossTerms(content=content, style=nothing, variation=nothing, stability=nothing)
