"""The folder of a run: checkpoints, whether a run may go on from one, and how the folder is cleared.

A checkpoint survives a kill at any moment: it is written beside, synced, then moved into place.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from engines.errors import BadInputError
from train.config import RunConfig

__all__ = [
    "check_options",
    "forget",
    "load_checkpoint",
    "other_checkpoint",
    "read_run",
    "save_checkpoint",
    "take_over",
]

_Config = TypeVar("_Config", bound=RunConfig)


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


def other_checkpoint(path: Path, purpose: str) -> dict[str, Any]:
    """The checkpoint of another run, to `start from`, say. Raises BadInputError where there is none."""
    state = load_checkpoint(path)
    if state is None:
        raise BadInputError(f"expected a checkpoint to {purpose}, there is no {path}")
    return state


def read_run(folder: Path, kind: type[_Config]) -> tuple[_Config, dict[str, Any]]:
    """A run's config and checkpoint. Raises BadInputError where `folder` holds none."""
    state = load_checkpoint(folder / "checkpoint.pt")
    if state is None:
        raise BadInputError(f"expected the folder of a run, {folder} has no checkpoint.pt: train it first")
    return kind.load(folder / "config.json"), state


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


def check_options(folder: Path, asked: RunConfig) -> None:
    """Raise BadInputError where `folder` holds a run that was begun with other options."""
    if not (folder / "checkpoint.pt").exists():
        return
    begun = type(asked).load(folder / "config.json")
    for name, value in asdict(begun).items():
        if name not in asked.may_change and getattr(asked, name) != value:
            raise BadInputError(
                f"{folder} holds a run begun with {name} {value}, now {name} is {getattr(asked, name)}: "
                "take the same options to resume it, another folder, or --restart"
            )


def forget(folder: Path) -> None:
    """Remove what a run wrote into its folder, and nothing else."""
    for path in (
        *folder.glob("samples-*.png"),
        *(folder / name for name in ("checkpoint.pt", "config.json", "log.jsonl")),
    ):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)
