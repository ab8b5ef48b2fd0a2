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

__all__ = ["write_sample_sheet"]

_TILE_HEIGHT, _TILE_WIDTH = 240, 320


@torch.no_grad()
def write_sample_sheet(path: Path, net: TransformNet, vectors: Tensor, photos: Sequence[Path]) -> None:
    """One row a photo: the photo, then each style. vectors: float `(styles, d)`."""
    rows = []
    for photo in photos:
        picture = read_rgb(photo)
        assert picture is not None, photo
        picture = np.asarray(cv2.resize(picture, (_TILE_WIDTH, _TILE_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
        x = torch.from_numpy(picture).to(vectors.device).permute(2, 0, 1)[None].float() / 255
        tiles = [picture]
        for vector in vectors:
            painted = net(x, vector[None]).float().clamp(0, 1) * 255
            tiles.append(painted[0].permute(1, 2, 0).round().to(torch.uint8).cpu().numpy())
        rows.append(np.hstack(tiles))
    ok, data = cv2.imencode(".png", cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
    assert ok
    path.write_bytes(data.tobytes())
