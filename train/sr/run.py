"""One training run of an upscaler in a folder: where it stands, and the loop that takes it to its last step.

The folder gets `config.json`, `checkpoint.pt`, `samples-*.png`, `log.jsonl` and `tensorboard/`. A run that was killed
at any moment goes on from its checkpoint and ends with the same weights (on a GPU: up to the order of sums).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.errors import BackendError, BadInputError
from train.checkpoint import load_checkpoint, save_checkpoint, take_over
from train.journal import Journal
from train.sr.adversary import maker_loss
from train.sr.checks import mean_psnr
from train.sr.config import SrConfig
from train.sr.degradation import degraded
from train.sr.networks import sr_network
from train.sr.objective import SrTerms, feature_loss, pixel_loss
from train.sr.pairs import read_pairs
from train.sr.patches import EDGE, Patches
from train.sr.samples import sample_sheet
from train.sr.teachers import Teachers

__all__ = ["SrProgress", "SrRun", "check_options"]

_MAX_GRADIENT_NORM = 0.5
_WARM_UP_STEPS = 200
_FOR_SAMPLES = 2**31
"""The number of a step that no run comes to: its patches are for sample sheets."""
_MAY_CHANGE = ("pictures", "checks", "start", "steps", "log_every", "save_every")
"""Options that a run may be resumed with."""


@dataclass(frozen=True, kw_only=True)
class SrProgress:
    """What a run tells its caller after every step."""

    step: int
    steps: int
    losses: dict[str, float]
    """Weighted terms by name, as in the last line of the log."""
    psnr: float | None
    """On the checks, at the last checkpoint; None before, and where there are no checks."""
    seconds_left: float


def check_options(folder: Path, asked: SrConfig) -> None:
    """Raise BadInputError where `folder` holds a run that was begun with other options."""
    if not (folder / "checkpoint.pt").exists():
        return
    wanted = asdict(asked)
    for name, value in asdict(SrConfig.load(folder / "config.json")).items():
        if name not in _MAY_CHANGE and wanted[name] != value:
            raise BadInputError(
                f"{folder} holds a run begun with {name} {value}, now {name} is {wanted[name]}: "
                "take the same options to resume it, another folder, or --restart"
            )


class SrRun:
    """The net, the optimiser and the step. Call `resume`, then `go`."""

    def __init__(self, folder: Path, config: SrConfig) -> None:
        """Raises BadInputError for folders without fitting pictures."""
        self.folder, self.config = folder, config
        self.step = 0
        self.psnr: float | None = None
        torch.manual_seed(config.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        net: Any = sr_network(config).to(self.device)
        self.net: nn.Module = net.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=config.learning_rate)
        self.teachers = Teachers(config, self.device)
        self.pairs = read_pairs(Path(config.checks), config.scale) if config.checks else []
        self.patches = Patches(Path(config.pictures), side=(config.patch + 2 * EDGE) * config.scale, seed=config.seed)

    def resume(self) -> bool:
        """Continue from the folder's checkpoint, or begin with the weights of `start`. Returns whether it continues."""
        state = load_checkpoint(self.folder / "checkpoint.pt")
        if state is None:
            if self.config.start:
                first = load_checkpoint(Path(self.config.start))
                if first is None:
                    raise BadInputError(f"expected a checkpoint to start from, there is no {self.config.start}")
                take_over(self.net, first["net"])
            return False
        if state.get("pictures", self.patches.known_as) != self.patches.known_as:
            raise BadInputError(
                f"{self.folder} was begun with {state['pictures']}, "
                f"{self.config.pictures} now has {self.patches.known_as}"
            )
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.teachers.load_state(state.get("teachers", {}))
        self.step = state["step"]
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "teachers": self.teachers.state(),
            "step": self.step,
            "pictures": self.patches.known_as,
        }
        save_checkpoint(self.folder / "checkpoint.pt", state)

    def go(self, report: Callable[[SrProgress], None], stopped: Callable[[], bool] = lambda: False) -> bool:
        """Train to the last step. Returns False, with the checkpoint written, where `stopped()` came true before.

        Raises BackendError where the losses are no numbers any more.
        """
        config = self.config
        self.folder.mkdir(parents=True, exist_ok=True)
        config.save(self.folder / "config.json")
        started, first, losses = time.monotonic(), self.step, dict[str, float]()
        with Journal(self.folder, self.step) as journal:
            while self.step < config.steps:
                terms = self.train_step()
                if self.step % config.log_every == 0 or self.step in (first + 1, config.steps):
                    losses = self._losses(terms)
                    journal.log(self.step, losses)
                ends = stopped()
                if ends or self.step % config.save_every == 0 or self.step == config.steps:
                    self._losses(terms)
                    self.save()
                    self._check(journal)
                left = (time.monotonic() - started) / (self.step - first) * (config.steps - self.step)
                report(SrProgress(step=self.step, steps=config.steps, losses=losses, psnr=self.psnr, seconds_left=left))
                if ends:
                    return False
        return True

    def pair(self, step: int) -> tuple[Tensor, Tensor]:
        """Low and high resolution for a step, float `(n, 3, side, side)`, RGB in 0..1: the same in every run."""
        scale = self.config.scale
        high = self.patches.batch(step, self.config.batch).float()
        low = degraded(high, scale, self.config.degradation, np.random.default_rng((self.config.seed, step, 1)))
        low = low[:, :, EDGE:-EDGE, EDGE:-EDGE]
        high = high[:, :, EDGE * scale : -EDGE * scale, EDGE * scale : -EDGE * scale]
        low, high = (x.to(self.device, memory_format=torch.channels_last) / 255 for x in (low, high))
        return low, high

    def train_step(self) -> SrTerms:
        """One update. Everything random in it depends on the seed and the step alone. Returns detached terms."""
        low, high = self.pair(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * _schedule(self.step, self.config.steps)
        self.net.train()
        made = self.net(low)
        terms = self._terms(made, high)
        self.optimizer.zero_grad(set_to_none=True)
        terms.total().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), _MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.teachers.learn(made.detach(), high)
        self.step += 1
        return SrTerms(**{name: getattr(terms, name).detach() for name in SrTerms.__annotations__})

    def _terms(self, made: Tensor, high: Tensor) -> SrTerms:
        config, nothing = self.config, made.new_zeros(())
        if config.mode == "fidelity":
            return SrTerms(pixel=pixel_loss(made, high), feature=nothing, adversarial=nothing)
        feature = adversarial = nothing
        if config.feature_weight:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
                feature = config.feature_weight * feature_loss(made, high, self.teachers.loss_network)
        if config.adversarial_weight:
            judge = self.teachers.judge
            adversarial = config.adversarial_weight * maker_loss(judge(high), judge(made))
        return SrTerms(pixel=config.pixel_weight * pixel_loss(made, high), feature=feature, adversarial=adversarial)

    def _check(self, journal: Journal) -> None:
        """Measure on the checks and draw a sheet of samples."""
        self.net.eval()
        if self.pairs:
            self.psnr = mean_psnr(self.net, self.pairs, self.config.scale)
            journal.log(self.step, {"psnr": self.psnr})
        journal.picture(self.step, sample_sheet(self.net, *self.pair(_FOR_SAMPLES)))

    def _losses(self, terms: SrTerms) -> dict[str, float]:
        losses = {name: getattr(terms, name).item() for name in SrTerms.__annotations__}
        if not all(map(math.isfinite, losses.values())):
            raise BackendError(
                f"the losses became {losses} at step {self.step}: go on from the checkpoint in {self.folder} "
                "with a lower learning rate"
            )
        return losses


def _schedule(step: int, steps: int) -> float:
    """Half a cosine from 1 to 0 (Loshchilov and Hutter 2017, eq. 5, one period) after a linear warm-up."""
    warm_up = min(_WARM_UP_STEPS, max(1, steps // 10))
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / steps))
