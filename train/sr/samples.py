"""Sample sheets: what comes in, bicubic, what the net makes of it, and what it should have been."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["sample_sheet"]

_ROWS = 6


@torch.no_grad()
def sample_sheet(net: nn.Module, low: Tensor, high: Tensor) -> Tensor:
    """One row a patch. low, high: float `(n, 3, side, side)`, RGB in 0..1. Returns uint8 `(h, w, 3)` RGB on the CPU."""
    low, high = low[:_ROWS], high[:_ROWS]
    size = (high.shape[2], high.shape[3])
    columns = [
        F.interpolate(low, size, mode="nearest"),
        F.interpolate(low, size, mode="bicubic", align_corners=False),
        net(low),
        high,
    ]
    sheet = torch.cat([torch.cat(list(column), dim=1) for column in columns], dim=2)
    return (sheet.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu()
