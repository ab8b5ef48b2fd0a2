"""Upscalers: `UpscaleNet`, made for live video, and `JohnsonUpscaleNet`, the paper's own, for its tables.

`UpscaleNet` has every convolution at low resolution, a pixel-shuffle head (Shi et al. 2016) and a learned linear base.
In training a convolution is the sum of several branches, as in ECBSR (Zhang, Zeng, Zhang 2021). The branches are
linear, so they are summed in weight space before each step (as SESR does, Bhardwaj et al. 2022): training costs what
the plain net costs, and the plain net that is exported computes the same.
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.config import SrConfig
from train.networks import even_bias, even_weight
from train.sr.evaluation import bicubic_matrix

__all__ = ["BranchedConv", "JohnsonUpscaleNet", "UpscaleNet", "sr_network"]

_EDGES = (
    ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0)),
    ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0)),
    ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0)),
)
"""Sobel across, Sobel down, Laplacian."""


class BranchedConv(nn.Module):
    """A 3x3 convolution made of branches: plain, wide (3x3 then 1x1), edge filters behind a 1x1, and the identity."""

    edges: Tensor

    def __init__(self, channels_in: int, channels_out: int, *, gain: float = 1.0, even: int = 1) -> None:
        """gain: how large the output is to begin with, over that of He et al. 2015.

        even: above 1, a pixel shuffle by this factor follows, whose sub-pixels are kept alike on flat areas.
        """
        super().__init__()
        self.even = even
        wide = 2 * channels_out
        plain = nn.Conv2d(channels_in, channels_out, 3)
        assert plain.bias is not None
        nn.init.kaiming_normal_(plain.weight, nonlinearity="relu")
        self.plain = nn.Parameter(plain.weight.detach() * (0.5 * gain))
        self.bias = nn.Parameter(torch.zeros_like(plain.bias))
        self.widen = nn.Parameter(torch.randn(wide, channels_in, 3, 3) * (2 / (9 * channels_in)) ** 0.5)
        self.narrow = nn.Parameter(torch.randn(channels_out, wide) * (0.5 * gain * (1 / wide) ** 0.5))
        self.points = nn.Parameter(torch.randn(3, channels_out, channels_in) * (0.05 * gain * channels_in**-0.5))
        self.register_buffer("edges", torch.tensor(_EDGES), persistent=False)
        self.straight = channels_in == channels_out

    def weight(self) -> Tensor:
        """The one kernel that the branches amount to, `(channels_out, channels_in, 3, 3)`."""
        weight = self.plain + torch.einsum("om,mikl->oikl", self.narrow, self.widen)
        weight = weight + torch.einsum("eoi,ekl->oikl", self.points, self.edges)
        if self.straight:
            identity = torch.eye(len(weight), device=weight.device, dtype=weight.dtype)
            weight = weight + F.pad(identity[:, :, None, None], (1, 1, 1, 1))
        return even_weight(weight, self.even) if self.even > 1 else weight

    def shift(self) -> Tensor:
        """The bias that goes with it, `(channels_out,)`."""
        return even_bias(self.bias, self.even) if self.even > 1 else self.bias

    def forward(self, x: Tensor) -> Tensor:
        """`(n, channels_in, h, w)` to `(n, channels_out, h, w)`; zeros around the edge."""
        return F.conv2d(x, self.weight(), self.shift(), padding=1)


class UpscaleNet(nn.Module):
    """x2, x3 or x4 in RGB: `depth` convolutions of `width` channels between a 5x5 stem and the head."""

    kind = "upscale"
    size_multiple = 1
    style_length = 0

    def __init__(self, scale: int, width: int = 32, depth: int = 6, *, even: bool = False) -> None:
        """even: never draw a grid on a flat area. That costs `fidelity` 0.1 dB, and it draws none worth mentioning."""
        super().__init__()
        self.scale, self.even = scale, even
        self.margin = depth + 3
        """How far, in input pixels, an output pixel looks."""
        self.base = nn.Conv2d(3, 3 * scale**2, 5, bias=False)
        self.stem = nn.Conv2d(3, width, 5)
        self.body = nn.ModuleList(BranchedConv(width, width) for _ in range(depth))
        self.turns = nn.ModuleList(nn.PReLU(width) for _ in range(depth + 1))
        self.head: nn.Module = BranchedConv(width, 3 * scale**2, gain=0.1, even=scale if even else 1)
        with torch.no_grad():
            self.base.weight.copy_(_bicubic_kernels(scale))

    def deployed(self) -> UpscaleNet:
        """The same net with plain convolutions, for the net file: on the CPU, in float32, without gradients."""
        plain = UpscaleNet(self.scale, self.stem.out_channels, len(self.body))
        plain.body = nn.ModuleList(_plain(conv) for conv in self.body)
        plain.head = _plain(self.head)
        for name in ("stem", "turns"):
            getattr(plain, name).load_state_dict(getattr(self, name).state_dict())
        plain.base.load_state_dict({"weight": self.base_weight()})
        return plain.eval().requires_grad_(False)

    def base_weight(self) -> Tensor:
        """The kernels of the linear base, `(3 * scale**2, 3, 5, 5)`."""
        return even_weight(self.base.weight, self.scale) if self.even else self.base.weight

    def forward(self, picture: Tensor) -> Tensor:
        """Float `(n, 3, h, w)`, RGB in 0..1, to `(n, 3, h * scale, w * scale)`, RGB near 0..1: clamp before use."""
        x = F.pad(picture - 0.5, (2, 2, 2, 2), mode="replicate")
        first = self.turns[0](self.stem(x))
        inner = first
        for conv, turn in zip(self.body, list(self.turns)[1:], strict=True):
            inner = turn(conv(inner))
        out: Tensor = F.pixel_shuffle(self.head(inner + first) + F.conv2d(x, self.base_weight()), self.scale) + 0.5
        return out


def sr_network(config: SrConfig) -> UpscaleNet | JohnsonUpscaleNet:
    """A fresh net as a config describes it."""
    if config.net == "johnson":
        return JohnsonUpscaleNet(config.scale)
    return UpscaleNet(config.scale, config.width, config.depth, even=config.mode == "perceptual")


def _plain(branched: nn.Module) -> nn.Conv2d:
    assert isinstance(branched, BranchedConv)
    weight = branched.weight().detach().float().cpu()
    conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
    conv.load_state_dict({"weight": weight, "bias": branched.shift().detach().float().cpu()})
    return conv


def _bicubic_kernels(scale: int) -> Tensor:
    """Bicubic enlargement as one 5x5 convolution per channel and sub-pixel: `(3 * scale**2, 3, 5, 5)`."""
    rows = bicubic_matrix(9, Fraction(scale))[4 * scale : 5 * scale, 2:7]  # the middle pixel's children
    phases = torch.from_numpy(rows.copy()).float()
    kernels = torch.einsum("ik,jl->ijkl", phases, phases).reshape(scale**2, 5, 5)
    weight = torch.zeros(3, scale**2, 3, 5, 5)
    for channel in range(3):
        weight[channel, :, channel] = kernels
    return weight.reshape(3 * scale**2, 3, 5, 5)


class JohnsonUpscaleNet(nn.Module):
    """That of Johnson, Alahi, Fei-Fei 2016 (supplementary material), x4 or x8; too slow for live video.

    A 9x9 stem, four residual blocks with batch norm, upsampling convolutions, a 9x9 head. Nearest upsampling and a
    convolution stand for the paper's stride of 1/2, as in its authors' later code.
    """

    kind = "upscale"
    size_multiple = 1
    style_length = 0

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

    def deployed(self) -> nn.Module:
        """This network as a net file holds it: moved to the CPU, in float32."""
        return self.to("cpu", torch.float32).eval()

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
