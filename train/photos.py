"""Content photos: crops that depend on the seed and the sample's number alone, so that a run can be resumed exactly."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from engines.errors import BadInputError

__all__ = ["Crops", "list_pictures", "read_rgb"]

_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_ZOOM_OUT, _ZOOM_IN = 1.0, 0.4
"""A crop covers this much of the short side at most and at least: training sees both small and large objects."""

logger = logging.getLogger(__name__)


def list_pictures(folder: Path) -> list[Path]:
    """All pictures below `folder`, sorted. Raises BadInputError if there are none."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not found:
        raise BadInputError(
            f"expected a folder with pictures, {folder} has none: name one with .jpg, .png or .webp files"
        )
    return found


def read_rgb(path: Path) -> NDArray[np.uint8] | None:
    """A picture as uint8 `(h, w, 3)` RGB, or None where the file is no picture that can be read."""
    data = np.frombuffer(path.read_bytes(), np.uint8)
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return None if bgr is None else np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


class Crops(Dataset[tuple[Tensor, int]]):
    """Sample n: a random crop of a random photo and the index of the style to paint it in.

    Each run of `len(photos)` samples visits every photo once, in an order of its own.
    """

    def __init__(self, photos: Sequence[Path], *, size: int, styles: int, seed: int) -> None:
        self.photos, self.size, self.styles, self.seed = list(photos), size, styles, seed
        self.broken: set[Path] = set()

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        """uint8 `(3, size, size)` RGB and a style's index."""
        epoch, position = divmod(number, len(self.photos))
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.photos))
        rng = np.random.default_rng((self.seed, epoch, position))
        picture = None
        for step in range(len(self.photos)):  # a broken picture's place is taken by the next one
            path = self.photos[order[(position + step) % len(order)]]
            if (picture := read_rgb(path)) is not None and min(picture.shape[:2]) >= 32:
                break
            if path not in self.broken:
                self.broken.add(path)
                logger.warning("skipped %s: not a picture of 32 pixels or more", path)
        else:
            raise BadInputError("expected pictures, none of the content files can be read: check the folder")
        crop = _random_crop(picture, self.size, rng)
        return torch.from_numpy(crop).permute(2, 0, 1), number % self.styles

    def __len__(self) -> int:
        return len(self.photos)


def _random_crop(picture: NDArray[np.uint8], size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    share = math.exp(rng.uniform(math.log(_ZOOM_IN), math.log(_ZOOM_OUT)))
    side = max(16, round(min(height, width) * share))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    crop = picture[top : top + side, left : left + side]
    resized = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)
    if rng.random() < 0.5:
        resized = resized[:, ::-1]
    return np.ascontiguousarray(resized, np.uint8)
