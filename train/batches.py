"""Batches of photos for a run, read ahead in threads (OpenCV decodes and resizes without the interpreter's lock)."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from train.config import TrainConfig
from train.photos import Crops, Samples, join_samples

__all__ = ["Batch", "batches", "first_batch"]

_AHEAD = 8
"""Batches that are read while the net trains."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """This process's part of one step's photos, on its device."""

    photos: Tensor
    """float32 `(n, 3, size, size)`, RGB in 0..1, channels_last."""
    styles: Tensor
    """int64 `(n,)`."""
    broken: frozenset[int]
    """Photos, by their place in the list, that were skipped on the way."""


def batches(
    photos: Sequence[Path], *, styles: int, config: TrainConfig, first_step: int, part: slice, device: torch.device
) -> Generator[Batch, None, None]:
    """From `first_step` to the last, `part` of each batch. Raises BadInputError where no photo can be read."""
    crops = _crops(photos, styles, config)
    threads = 1 if device.type == "cpu" else min(8, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="rtstyle-photos")
    ahead: deque[Future[Samples]] = deque()
    try:
        for step in range(first_step, config.steps):
            ahead.append(pool.submit(_samples, crops, step, config.batch, part))
            if len(ahead) > _AHEAD:
                yield _on_device(ahead.popleft().result(), device)
        while ahead:
            yield _on_device(ahead.popleft().result(), device)
    finally:
        pool.shutdown(cancel_futures=True)


def first_batch(
    photos: Sequence[Path], *, styles: int, config: TrainConfig, part: slice, device: torch.device
) -> Batch:
    """What a run begins with."""
    return _on_device(_samples(_crops(photos, styles, config), 0, config.batch, part), device)


def _crops(photos: Sequence[Path], styles: int, config: TrainConfig) -> Crops:
    return Crops(photos, size=config.size, styles=styles, seed=config.seed)


def _samples(crops: Crops, step: int, batch: int, part: slice) -> Samples:
    return join_samples([crops[number] for number in range(step * batch, (step + 1) * batch)[part]])


def _on_device(samples: Samples, device: torch.device) -> Batch:
    pictures = samples.pictures.to(device, memory_format=torch.channels_last)
    return Batch(photos=pictures.float() / 255, styles=samples.styles.to(device), broken=samples.broken)
