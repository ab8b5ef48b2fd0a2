"""The trainer: it takes a task, which is a kind of net and how it learns, to the last step of a run in a folder.

The folder gets `config.json`, `checkpoint.pt`, `samples-*.png`, `log.jsonl` and `tensorboard/`. A run that was killed
at any moment goes on from its checkpoint and ends with the same losses and weights (on a GPU: up to the order of sums).

    with distributed_context() as context:
        trainer = bank_trainer(folder, BankConfig(content="photos", styles="paintings"), context)
        trainer.run(lambda progress: print(progress.step, progress.losses))
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from engines.atomic import write_whole
from engines.errors import BackendError, MissingPackageError
from engines.lifecycle import Closing
from train.checkpoint import load_checkpoint, save_checkpoint
from train.config import RunConfig
from train.data import made_ahead, write_rgb
from train.distributed import DistributedContext

__all__ = ["Progress", "Task", "TrainedPart", "Trainer", "TrainingLog", "Update", "mixed_precision", "read_log"]


class TrainingLog(Closing):
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


def read_log(folder: Path) -> list[dict[str, float]]:
    """The lines of a run's log; a last line that a kill cut short is left out."""
    path = folder / "log.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


_MOST_SKIPPED = 10
"""Updates in a row."""
_MOST_THREADS = 8

Update = Callable[[str, Tensor], bool]
"""Takes the name of a part and its loss, a scalar, and lets the part's optimiser make a step. Says whether it did: a
gradient that is no number is passed over."""


@dataclass(frozen=True, kw_only=True)
class TrainedPart:
    """What one optimiser trains: of a GAN, the generator is one part and the discriminator another."""

    optimizer: torch.optim.Optimizer
    max_gradient_norm: float = math.inf
    warm_up_steps: int | None = None
    """The learning rate rises for so many steps and then falls to 0 along half a cosine; None: it stays as it is."""

    @property
    def parameters(self) -> list[Tensor]:
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]


class Task(Protocol):
    """One kind of net and how it learns. Every process of a run has a task of its own, all alike.

    It owns its networks and optimisers, on the context's device, and knows no folder but those of its pictures. All
    that is random in it depends on the seed and the step alone, or is part of its state. Net and style files are
    written by functions beside the task, through `train.export`: from a checkpoint, without batches or loss networks.
    """

    @property
    def config(self) -> RunConfig: ...

    @property
    def parts(self) -> Mapping[str, TrainedPart]:
        """What `step` may update, by name."""

    @property
    def pictures(self) -> Sequence[Path]:
        """What the task learns from."""

    @property
    def broken(self) -> set[int]:
        """Those of `pictures`, by their place, that could not be read so far. The trainer adds other processes'."""

    @property
    def reads_ahead(self) -> bool:
        """Whether batches are to be made in threads, ahead of time, where the net computes on the CPU as well."""

    def batch(self, step: int) -> Any:
        """This process's part of a step's data, on the CPU. Called ahead of time, in threads. Raises BadInputError."""

    def step(self, batch: Any, step: int, update: Update) -> Mapping[str, Tensor]:
        """Compute the losses and hand each to `update`, one after the other where there are several parts.

        Returns what the log shows: weighted terms by name, detached, of any shape, in the same order at every step.
        """

    def check(self) -> tuple[Mapping[str, float], Tensor]:
        """Figures to log at a checkpoint, and a sheet of samples: uint8 `(h, w, 3)` RGB on the CPU, or empty."""

    def state(self) -> dict[str, Any]:
        """For the checkpoint: weights, optimisers, what else goes on (a replay buffer), and what identifies the data.

        Tensors, numbers, texts, and lists and dicts of them; no key is `step`.
        """

    def load_state(self, state: Mapping[str, Any], folder: Path) -> None:
        """Take back what `state` gave. Raises BadInputError, naming `folder`, for that of another net or other data."""


AnyTask = TypeVar("AnyTask", bound=Task)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a run tells its caller after every step."""

    step: int
    steps: int
    losses: Mapping[str, float]
    """Weighted terms by name, as in the last line of the log."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What the task measured at the last checkpoint."""
    seconds_left: float
    broken: int
    """Pictures that could not be read so far."""


class Trainer(Generic[AnyTask]):
    """A task, how far it is, and the folder that it is kept in. Every process has its own, all alike."""

    def __init__(self, folder: Path, task: AnyTask, context: DistributedContext) -> None:
        self.folder, self.task, self.context = folder, task, context
        self.step = 0
        self.figures: Mapping[str, float] = {}
        self._skipped = Counter[str]()

    @property
    def config(self) -> RunConfig:
        return self.task.config

    def resume(self) -> bool:
        """Continue from the folder's checkpoint. Returns whether there was one. Raises BadInputError."""
        state = load_checkpoint(self.folder / "checkpoint.pt")
        if state is None:
            return False
        self.task.load_state(state, self.folder)
        self.step = state["step"]
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        save_checkpoint(self.folder / "checkpoint.pt", {**self.task.state(), "step": self.step})

    def run(self, report: Callable[[Progress], None], stopped: Callable[[], bool] = lambda: False) -> bool:
        """Train to the last step. Returns False, with the checkpoint written, where `stopped()` came true before.

        Only the process that leads writes and reports. Raises BackendError where the losses are no numbers any more.
        """
        config, leads = self.config, self.context.leads
        if leads:
            self.folder.mkdir(parents=True, exist_ok=True)
        started, first, losses = time.monotonic(), self.step, dict[str, float]()
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(TrainingLog(self.folder, self.step)) if leads else None
            self.context.wait()  # no process reads the folder any more: it may be written
            if leads:
                config.save(self.folder / "config.json")
            steps, threads = range(self.step, config.steps), self._threads()
            batches = stack.enter_context(contextlib.closing(made_ahead(self.task.batch, steps, threads=threads)))
            for batch in batches:
                terms = self.train_step(batch)
                logs = self.step % config.log_every == 0 or self.step == config.steps
                if logs or self.step == first + 1:
                    losses = self._losses(terms) or losses
                    if log and logs:
                        log.write(self.step, losses)
                ends = stopped()
                due = self.step % config.checkpoint_every == 0 and not any(self._skipped.values())
                # What may have diverged does not take the place of a good checkpoint.
                if log and (due or ends or self.step == config.steps):
                    self._checkpoint(log)
                if leads:
                    report(self._progress(losses, (time.monotonic() - started) / (self.step - first)))
                if ends:
                    return False
        self.task.broken.update(self.context.union(self.task.broken))
        return True

    def train_step(self, batch: Any) -> Mapping[str, Tensor]:
        """One step on a batch of the task's. Returns this process's terms."""
        for part in self.task.parts.values():
            if part.warm_up_steps is not None:
                rate = part.optimizer.defaults["lr"] * _schedule(self.step, self.config.steps, part.warm_up_steps)
                for group in part.optimizer.param_groups:
                    group["lr"] = rate
        terms = self.task.step(batch, self.step, self._update)
        self.step += 1
        return terms

    def seconds_a_step(self, steps: int) -> float:
        """How long a step takes, measured on so many that update nothing. For tasks whose steps do nothing else."""
        batch = self.task.batch(0)
        started = 0.0
        for number in range(1 + steps):
            if number == 1:  # the first one is slower
                started = time.perf_counter()
            self.task.step(batch, 0, self._gradients_only)
        if self.context.device.type == "cuda":
            torch.cuda.synchronize()
        taken_s = torch.tensor((time.perf_counter() - started) / steps, device=self.context.device)
        return float(self.context.mean(taken_s))

    def _gradients_only(self, name: str, loss: Tensor) -> bool:
        part = self.task.parts[name]
        part.optimizer.zero_grad(set_to_none=True)  # the updates of other parts leave gradients here too
        loss.backward()  # type: ignore[no-untyped-call]
        self.context.average_gradients(part.parameters)
        return False

    def _update(self, name: str, loss: Tensor) -> bool:
        """Make a step, or pass over a gradient that is no number: in bf16 one batch among thousands may overflow."""
        self._gradients_only(name, loss)
        part = self.task.parts[name]
        if nn.utils.clip_grad_norm_(part.parameters, part.max_gradient_norm).isfinite():
            part.optimizer.step()
            self._skipped[name] = 0
            return True
        self._skipped[name] += 1
        if self._skipped[name] > _MOST_SKIPPED or not all(value.isfinite().all() for value in part.parameters):
            raise BackendError(
                f"the losses are no numbers any more at step {self.step}: go on from the checkpoint in {self.folder} "
                "with a lower learning rate"
            )
        return False

    def _threads(self) -> int:
        if self.context.device.type == "cpu":
            return int(self.task.reads_ahead)
        return min(_MOST_THREADS, os.cpu_count() or 1)

    def _losses(self, terms: Mapping[str, Tensor]) -> dict[str, float]:
        """The mean of each term over all processes; none where one is no number, which `_update` deals with."""
        means = self.context.mean(torch.stack([term.float().mean() for term in terms.values()])).tolist()
        return dict(zip(terms, means, strict=True)) if all(map(math.isfinite, means)) else {}

    def _checkpoint(self, log: TrainingLog) -> None:
        self.figures, sheet = self.task.check()
        if self.figures:
            log.write(self.step, self.figures)
        log.picture(self.step, sheet)
        self.save()

    def _progress(self, losses: Mapping[str, float], pace_s: float) -> Progress:
        return Progress(
            step=self.step,
            steps=self.config.steps,
            losses=losses,
            figures=self.figures,
            seconds_left=pace_s * (self.config.steps - self.step),
            broken=len(self.task.broken),
        )


def mixed_precision(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """What a config's `precision` asks for: convolutions in bfloat16, sums and norms in float32, or all in float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def _schedule(step: int, steps: int, warm_up_steps: int) -> float:
    """Half a cosine from 1 to 0 (Loshchilov and Hutter 2017, eq. 5, one period) after a linear warm-up."""
    warm_up = min(warm_up_steps, max(1, steps // 10))
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / steps))
