"""Training pictures in memory, and patches of them that depend on the seed and the step alone."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.errors import BadInputError
from train.photos import fingerprint, list_pictures, read_rgb
from train.sr.bicubic import imresize

__all__ = ["EDGE", "Patches"]

EDGE = 2
"""Low-resolution pixels around a patch that are made and cut off: their neighbours are not in the crop."""
_COPIES = (Fraction(1), Fraction(4, 5), Fraction(3, 5))
"""Each picture is there in these sizes: the smaller ones show more detail to a pixel, and less JPEG."""

logger = logging.getLogger(__name__)


class Patches:
    """High-resolution crops of random pictures, turned and mirrored; large pictures come more often."""

    def __init__(self, folder: Path, *, side: int, seed: int) -> None:
        """side: of a crop in pixels. Raises BadInputError where no picture is that large."""
        self.side, self.seed = side, seed
        self.pictures: list[NDArray[np.uint8]] = []
        paths = list_pictures(folder)
        self.known_as = fingerprint(folder, paths)
        """Changes when the folder's pictures do."""
        for path in paths:
            picture = read_rgb(path)
            if picture is None:
                logger.warning("skipped %s: not a picture", path)
                continue
            copies = [picture if factor == 1 else imresize(picture, factor) for factor in _COPIES]
            self.pictures += [copy for copy in copies if min(copy.shape[:2]) >= side]
        if not self.pictures:
            raise BadInputError(f"expected pictures of {side} pixels or more on each side, {folder} has none")
        areas = np.array([picture.shape[0] * picture.shape[1] for picture in self.pictures], float)
        self._shares = areas / areas.sum()

    def batch(self, step: int, size: int) -> Tensor:
        """The crops of a step: uint8 `(size, 3, side, side)` RGB."""
        rng = np.random.default_rng((self.seed, step))
        chosen = rng.choice(len(self.pictures), size, p=self._shares)
        return torch.from_numpy(np.stack([self._crop(self.pictures[n], rng) for n in chosen]))

    def _crop(self, picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        top, left = (int(rng.integers(length - self.side + 1)) for length in picture.shape[:2])
        crop = np.rot90(picture[top : top + self.side, left : left + self.side], int(rng.integers(4)))
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        return np.ascontiguousarray(crop.transpose(2, 0, 1))
