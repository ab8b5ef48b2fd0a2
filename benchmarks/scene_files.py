"""The clips and photos that scenes are made of."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from engines.contract import Picture
from engines.errors import BadInputError

__all__ = ["find_clips", "last_photos"]

_CLIPS = {".avi", ".mkv", ".mov", ".mp4", ".webm"}
_PHOTOS = {".jpeg", ".jpg", ".png", ".webp"}


def find_clips(path: Path) -> list[Path]:
    """A video file itself, or those in a folder, sorted. Raises BadInputError for none."""
    found = [path] if path.is_file() else sorted(p for p in path.glob("*") if p.suffix.lower() in _CLIPS)
    if not found:
        raise BadInputError(f"expected a video file or a folder with some, got {path}")
    return found


def last_photos(folder: Path, count: int) -> list[tuple[str, Picture]]:
    """The last photos below a folder that can be read: name and uint8 `(h, w, 3)` RGB. Raises BadInputError."""
    found: list[tuple[str, Picture]] = []
    for path in sorted((p for p in folder.rglob("*") if p.suffix.lower() in _PHOTOS), reverse=True):
        if len(found) == count:
            break
        if (bgr := cv2.imread(str(path), cv2.IMREAD_COLOR)) is not None:
            found.append((path.stem, np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)))
    if not found:
        raise BadInputError(f"expected a folder with photos, {folder} has none that can be read")
    return found
