"""Checkpoints that survive a kill at any moment: written beside, synced, then moved into place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["load_checkpoint", "save_checkpoint", "take_over"]


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` so that `path` always holds either the old or the new checkpoint, whole."""
    beside = path.with_suffix(".partial")
    with beside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """What `save_checkpoint` wrote, on the CPU; None where there is none. Never runs code from the file."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


@torch.no_grad()
def take_over(net: nn.Module, weights: Mapping[str, Tensor]) -> bool:
    """Copy those of another net's weights that `net` has by name and shape: another scale, say, has another head.

    Returns whether that were all that `net` has.
    """
    own = net.state_dict()
    fitting = [name for name, weight in weights.items() if name in own and own[name].shape == weight.shape]
    for name in fitting:
        own[name].copy_(weights[name])
    return len(fitting) == len(own)
