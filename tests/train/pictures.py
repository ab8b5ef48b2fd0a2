"""Small pictures for training tests, made on the spot."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

__all__ = ["write_paintings", "write_photos"]


def write_photos(folder: Path, count: int = 8) -> Path:
    """Photos of 48x40 pixels: smooth noise, each its own."""
    folder.mkdir(parents=True)
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 256, (6, 6, 3), np.uint8)
        cv2.imwrite(str(folder / f"photo-{number}.png"), cv2.resize(noise, (48, 40), interpolation=cv2.INTER_CUBIC))
    return folder


def write_paintings(folder: Path, *names: str) -> Path:
    """Paintings of 64x64 pixels: stripes, each in its own colours and slope."""
    folder.mkdir(parents=True)
    rows, columns = np.mgrid[:64, :64]
    for number, name in enumerate(names):
        colours = np.random.default_rng(100 + number).integers(0, 256, (2, 3))
        stripes = (rows * (number + 1) + columns * 3) // 12 % 2
        cv2.imwrite(str(folder / f"{name}.png"), colours[stripes].astype(np.uint8))
    return folder
