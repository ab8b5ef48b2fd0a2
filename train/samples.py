"""Sample sheets: every style on a few photos, to judge a run by eye while it goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from train.networks import TransformNet
from train.photos import read_rgb

__all__ = ["sample_sheet"]

_TILE_HEIGHT, _TILE_WIDTH = 240, 320


@torch.no_grad()
def sample_sheet(net: TransformNet, vectors: Tensor, photos: Sequence[Path]) -> Tensor:
    """One row a photo that can be read: the photo, then each style. Returns uint8 `(h, w, 3)` RGB.

    vectors: float `(styles, d)`.
    """
    rows = [torch.zeros(0, _TILE_WIDTH * (len(vectors) + 1), 3, dtype=torch.uint8)]
    for photo in photos:
        read = read_rgb(photo)
        if read is None:
            continue
        picture = np.asarray(cv2.resize(read, (_TILE_WIDTH, _TILE_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
        tiles = [torch.from_numpy(picture)]
        x = tiles[0].to(vectors.device).permute(2, 0, 1)[None].float() / 255
        for vector in vectors:
            painted = net(x, vector[None]).float().clamp(0, 1) * 255
            tiles.append(painted[0].permute(1, 2, 0).round().to(torch.uint8).cpu())
        rows.append(torch.cat(tiles, dim=1))
    return torch.cat(rows)
