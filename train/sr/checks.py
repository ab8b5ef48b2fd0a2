"""PSNR of a net on a benchmark set, while it trains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from engines.contract import Picture
from train.sr.metrics import psnr
from train.sr.pairs import Pair

__all__ = ["mean_psnr", "upscale"]


@torch.no_grad()
def upscale(net: nn.Module, picture: Picture) -> Picture:
    """What a net makes of a picture: uint8 `(h, w, 3)` RGB to uint8 `(h * scale, w * scale, 3)`."""
    device = next(net.parameters()).device
    x: Tensor = torch.from_numpy(picture).to(device).permute(2, 0, 1)[None].float() / 255
    made = (net(x).clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(made[0].permute(1, 2, 0).cpu().numpy())


def mean_psnr(net: nn.Module, pairs: Sequence[Pair], scale: int) -> float:
    """Decibels on luma with `scale` pixels of border cut off, averaged over the pictures."""
    return float(np.mean([psnr(upscale(net, low), high, scale) for low, high in pairs]))
