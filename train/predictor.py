"""A style predictor: a painting in, the style vectors of a transform net out (Ghiasi et al. 2017, section 3).

The network is small and looks at the painting's texture: means and standard deviations of its features at every
depth. Beside the vectors it learns to tell the same statistics of the loss network's features, from which those
vectors follow; that part is dropped when the net is exported.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["PREDICTOR_SIDE", "StylePredictor"]

PREDICTOR_SIDE = 256
"""Paintings are resized to this short side."""
_WIDTHS = (24, 48, 80, 128, 192)
_BOTTLENECK = 160
_EPSILON = 1e-4
_STEP = 0.03
"""Makes an update of the last layer's many weights move a vector about as far as one of the vector itself would."""


class _Block(nn.Module):
    """Convolution with stride 2, then a separable one beside the identity."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels_in, channels_out, 3, 2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        self.wide = nn.Conv2d(channels_out, 2 * channels_out, 1, bias=False)
        self.norm_wide = nn.BatchNorm2d(2 * channels_out)
        self.depth = nn.Conv2d(2 * channels_out, 2 * channels_out, 3, padding=1, groups=2 * channels_out, bias=False)
        self.norm_depth = nn.BatchNorm2d(2 * channels_out)
        self.narrow = nn.Conv2d(2 * channels_out, channels_out, 1, bias=False)
        self.norm_narrow = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.down(x)))
        y = F.relu(self.norm_wide(self.wide(x)))
        y = F.relu(self.norm_depth(self.depth(y)))
        return F.relu(x + self.norm_narrow(self.narrow(y)))


class StylePredictor(nn.Module):
    """About 0.9 million parameters."""

    def __init__(self, style_length: int, statistics: int) -> None:
        """style_length: numbers in a style vector. statistics: those of the loss network that are learnt beside."""
        super().__init__()
        self.style_length = style_length
        widths = (3, *_WIDTHS)
        self.blocks = nn.ModuleList(_Block(a, b) for a, b in itertools.pairwise(widths))
        pooled = 2 * (3 + sum(_WIDTHS))
        self.squeeze = nn.Sequential(
            nn.Linear(pooled, 2 * _BOTTLENECK), nn.ReLU(), nn.Linear(2 * _BOTTLENECK, _BOTTLENECK)
        )
        self.vectors = nn.Linear(_BOTTLENECK, 2 * style_length, bias=False)
        self.middle = nn.Parameter(torch.zeros(2 * style_length))
        self.statistics = nn.Linear(pooled, statistics)
        self.even = nn.BatchNorm1d(pooled, affine=False)
        nn.init.normal_(self.vectors.weight, std=0.1)

    def start_from(self, fine: Tensor, bold: Tensor) -> None:
        """Let every painting get these two vectors, float `(style_length,)`, to begin with."""
        with torch.no_grad():
            self.middle.copy_(torch.cat([fine, bold]))

    def describe(self, paintings: Tensor) -> Tensor:
        """Means and standard deviations over the picture, at every depth. float `(n, 3, h, w)` in 0..1 to `(n, k)`."""
        x = paintings * 4 - 2
        found = [x]
        for block in self.blocks:
            x = block(x)
            found.append(x)
        parts = []
        for features in found:
            flat = features.float().flatten(2)
            mean = flat.mean(2)
            variance = (flat - mean[:, :, None]).square().mean(2)
            parts += [mean, (variance + _EPSILON).sqrt()]
        described: Tensor = self.even(torch.cat(parts, 1))
        return described

    def forward(self, paintings: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """paintings: float `(n, 3, h, w)`, RGB in 0..1.

        Returns the vectors for fine and for bold strokes, float `(n, style_length)` each, and the loss network's
        statistics, `(n, statistics)`.
        """
        described = self.describe(paintings)
        away = _STEP * self.vectors(torch.tanh(self.squeeze(described)))
        fine, bold = (self.middle + away).split(self.style_length, 1)
        return fine, bold, self.statistics(described)
