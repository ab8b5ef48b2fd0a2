"""What a run writes down as it goes: a log for programs, TensorBoard for people, and sheets of samples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from torch import Tensor

from engines.atomic import write_whole
from engines.errors import MissingPackageError
from train.data import write_rgb

__all__ = ["TrainingLog", "read_log"]


class TrainingLog:
    """The records of one run, from a step on: what was logged behind that step is taken back."""

    def __init__(self, folder: Path, step: int) -> None:
        """step: how many were done. Raises MissingPackageError without `tensorboard`."""
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 (slow to import, and only here)
        except ImportError as error:
            raise MissingPackageError("training", "tensorboard", extra="train") from error
        self._folder = folder
        path = folder / "log.jsonl"
        kept = [line for line in read_log(folder) if line["step"] <= step]
        write_whole(path, "".join(json.dumps(line) + "\n" for line in kept).encode())
        self._log = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One line of losses, or of what was measured."""
        self._log.write(json.dumps({"step": step, **values}) + "\n")
        self._log.flush()
        for name, value in values.items():
            self._board.add_scalar(f"loss/{name}", value, step)

    def picture(self, step: int, sheet: Tensor) -> None:
        """A sheet of samples, uint8 `(h, w, 3)` RGB; nothing is written of an empty one."""
        if not sheet.numel():
            return
        write_rgb(self._folder / f"samples-{step:06d}.png", sheet.numpy())
        self._board.add_image("samples", sheet, step, dataformats="HWC")
        self._board.flush()

    def close(self) -> None:
        self._log.close()
        self._board.close()

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_log(folder: Path) -> list[dict[str, float]]:
    """The lines of a run's log; a last line that a kill cut short is left out."""
    path = folder / "log.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]
