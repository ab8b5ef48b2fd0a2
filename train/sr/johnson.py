"""The upscaler of Johnson, Alahi, Fei-Fei 2016 (supplementary material): for its tables, too slow for live video."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["JohnsonUpscaleNet"]


class JohnsonUpscaleNet(nn.Module):
    """x4 or x8: a 9x9 stem, four residual blocks with batch norm, upsampling convolutions, a 9x9 head.

    Nearest upsampling and a convolution stand for the paper's stride of 1/2, as in its authors' later code.
    """

    def __init__(self, scale: int, width: int = 64, blocks: int = 4) -> None:
        super().__init__()
        self.scale = scale
        doublings = scale.bit_length() - 1
        self.margin = 4 + 2 * blocks + 2 + 4
        """How far, in input pixels, an output pixel looks."""
        self.stem = _conv(3, width, 9)
        self.blocks = nn.ModuleList(
            nn.Sequential(*_conv(width, width, 3), *_conv(width, width, 3)[:2]) for _ in range(blocks)
        )
        self.ups = nn.ModuleList(_conv(width, width, 3) for _ in range(doublings))
        self.head = nn.Conv2d(width, 3, 9, padding=4)

    def forward(self, picture: Tensor) -> Tensor:
        """Float `(n, 3, h, w)`, RGB in 0..1, to `(n, 3, h * scale, w * scale)`, RGB within -0.1..1.1."""
        x = self.stem(picture - 0.5)
        for block in self.blocks:
            x = x + block(x)
        for up in self.ups:
            x = up(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        out: Tensor = 0.5 + 0.6 * torch.tanh(self.head(x))
        return out


def _conv(channels_in: int, channels_out: int, kernel: int) -> nn.Sequential:
    conv = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out), nn.ReLU())
