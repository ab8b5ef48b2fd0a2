"""The folder of a run: whether it may be resumed with some options, and how it is cleared."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from engines.errors import BadInputError
from train.config import TrainConfig

__all__ = ["check_options", "forget"]

_MAY_CHANGE = ("content", "styles", "start", "steps", "log_every", "sample_every")
"""Options that a run may be resumed with: where files are (the checkpoint knows which), when it ends and reports."""


def check_options(folder: Path, asked: TrainConfig) -> None:
    """Raise BadInputError where `folder` holds a run that was begun with other options."""
    if not (folder / "checkpoint.pt").exists():
        return
    begun = type(asked).load(folder / "config.json")
    wanted = asdict(asked)
    for name, value in asdict(begun).items():
        if name not in _MAY_CHANGE and wanted[name] != value:
            raise BadInputError(
                f"{folder} holds a run begun with {name} {value}, now {name} is {wanted[name]}: "
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
