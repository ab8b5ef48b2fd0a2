"""Pictures from folders, crops of photos to train on, and batches that are made ahead of time.

A crop depends on the seed and the sample's number alone, so that a run can be resumed exactly.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.atomic import write_whole
from engines.errors import BadInputError

__all__ = ["Crops", "Samples", "fingerprint", "list_pictures", "made_ahead", "read_rgb", "write_rgb"]

_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_ZOOM_OUT, _ZOOM_IN = 1.0, 0.4
"""A crop covers this much of the short side at most and at least: training sees both small and large objects."""
_SMALLEST_SIDE = 32
_AHEAD = 8
"""Batches that are made while the net trains."""

_Made = TypeVar("_Made")


def list_pictures(folder: Path) -> list[Path]:
    """All pictures below `folder`, sorted. Raises BadInputError if there are none."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not found:
        raise BadInputError(
            f"expected a folder with pictures, {folder} has none: name one with .jpg, .png or .webp files"
        )
    return found


def fingerprint(folder: Path, pictures: Sequence[Path]) -> str:
    """A short text that changes when pictures of a folder are added, removed or renamed."""
    names = "\n".join(picture.relative_to(folder).as_posix() for picture in pictures)
    return f"{len(pictures)} pictures, {hashlib.sha256(names.encode()).hexdigest()[:12]}"


def read_rgb(path: Path) -> NDArray[np.uint8] | None:
    """A picture as uint8 `(h, w, 3)` RGB, or None where the file is no picture that can be read."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return None
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return None if bgr is None else np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def write_rgb(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture, uint8 `(h, w, 3)` RGB, in the format of the file's suffix. Raises BadInputError, OutputError."""
    try:
        ok, data = cv2.imencode(path.suffix.lower(), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except cv2.error:
        ok = False
    if not ok:
        raise BadInputError(f"{path}: expected a name that ends in .png, .jpg or .webp")
    write_whole(path, data.tobytes())


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Some samples, one after the other."""

    pictures: Tensor
    """uint8 `(n, 3, size, size)`, RGB."""
    styles: Tensor
    """int64 `(n,)`: which style to paint each in."""
    broken: frozenset[int]
    """Photos, by their place in the list, that could not be used; the next one took their place."""


class Crops:
    """Sample n: a random crop of a random photo and the index of the style to paint it in.

    Each run of `len(photos)` samples visits every photo once, in an order of its own.
    """

    def __init__(self, photos: Sequence[Path], *, size: int, styles: int, seed: int) -> None:
        self.photos, self.size, self.styles, self.seed = list(photos), size, styles, seed
        # A shuffle for each sample would cost milliseconds.
        self._order = functools.lru_cache(maxsize=2)(self._shuffled)

    def __getitem__(self, number: int) -> Samples:
        """One sample. Raises BadInputError where no photo at all can be read."""
        epoch, position = divmod(number, len(self.photos))
        order = self._order(epoch)
        rng = np.random.default_rng((self.seed, epoch, position))
        broken: set[int] = set()
        for step in range(len(order)):
            index = int(order[(position + step) % len(order)])
            picture = read_rgb(self.photos[index])
            if picture is not None and min(picture.shape[:2]) >= _SMALLEST_SIDE:
                crop = torch.from_numpy(_random_crop(picture, self.size, rng)).permute(2, 0, 1)
                style = torch.tensor([number % self.styles])
                return Samples(pictures=crop[None], styles=style, broken=frozenset(broken))
            broken.add(index)
        raise BadInputError("expected photos, none of the content files can be read: check the folder")

    def batch(self, step: int, size: int, part: slice) -> Samples:
        """Samples `part` of a step's batch of `size`, which follow those of the step before."""
        samples = [self[number] for number in range(step * size, (step + 1) * size)[part]]
        return Samples(
            pictures=torch.cat([sample.pictures for sample in samples]),
            styles=torch.cat([sample.styles for sample in samples]),
            broken=frozenset().union(*(sample.broken for sample in samples)),
        )

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((self.seed, epoch)).permutation(len(self.photos))


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


def made_ahead(make: Callable[[int], _Made], steps: range, *, threads: int) -> Generator[_Made, None, None]:
    """What `make` gives for each step, in their order; OpenCV decodes and resizes without the interpreter's lock.

    threads: how many make them, up to 8 steps ahead; 0 makes each when its turn has come. Close the generator.
    """
    if not threads:
        yield from map(make, steps)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="rtstyle-batches")
    ahead: deque[Future[_Made]] = deque()
    try:
        for step in steps:
            ahead.append(pool.submit(make, step))
            if len(ahead) > _AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
