"""Paintings as training targets: the Gram matrices of each, and how much each counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from torch import Tensor

from engines.errors import BadInputError
from train.loss_networks import STYLE_LAYERS, LossNetwork
from train.losses import gram_matrix
from train.photos import read_rgb

__all__ = ["StyleTargets", "read_painting", "style_targets"]

_FRAME = 0.04
"""The outer part of a reproduction that is left out on each side: frames, paper borders, scanner edges."""
_USUAL_SIZE = 7e5
"""A painting whose squared Gram matrices, in the original VGG's scale, sum to this much weighs as the config says."""


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
