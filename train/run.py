"""One training run in a folder: what is fitted, how far it is, and the loop that takes it to its last step.

The folder gets `config.json`, `checkpoint.pt`, `samples-*.png`, `log.jsonl` and `tensorboard/`. A run that was killed
at any moment goes on from its checkpoint and ends with the same losses and weights (on a GPU: up to the order of sums).
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engines.errors import BackendError, BadInputError
from train.batches import Batch, batches
from train.checkpoint import load_checkpoint, save_checkpoint
from train.config import LossWeights, TrainConfig
from train.imitation import Teacher, imitation_terms
from train.journal import Journal
from train.loss_networks import LossNetwork, loss_network
from train.networks import TransformNet
from train.objective import LossTerms, Motion, draw_motion, objective
from train.paintings import StyleTargets, style_targets
from train.photos import fingerprint, list_pictures
from train.processes import Team
from train.samples import sample_sheet

__all__ = ["Progress", "Run", "Subject"]

_LOSS_SCALE = 1e-5
"""Brings the loss, some 1e6 in the loss network's scale, near 1 for readable gradient norms."""
_MAX_GRADIENT_NORM = 20.0
_MOST_SKIPPED = 10
"""Updates in a row."""
_WARM_UP_STEPS = 100
_SAMPLE_PHOTOS = 4


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a run tells its caller after every step."""

    step: int
    steps: int
    losses: dict[str, float]
    """Weighted terms by name, as in the last line of the log."""
    seconds_left: float
    broken: int
    """Photos that could not be read so far."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a run fits, as it is before the first step."""

    names: list[str]
    paintings: list[Path]
    net: TransformNet
    vectors: Tensor
    """float32 `(styles, style_length)`."""
    fit_net: bool
    """Whether the net is trained, or only the vectors."""
    before: int = 0
    """Steps of earlier runs that the net begins with."""
    teacher: Teacher | None = None
    """Where there is one, the net imitates it, and no painting is looked at."""


class Run:
    """The net, the style vectors, the optimiser and the step. Every process of a team has its own, all alike."""

    def __init__(self, folder: Path, config: TrainConfig, subject: Subject, team: Team) -> None:
        self.folder, self.config, self.names, self.team = folder, config, subject.names, team
        self.step = 0
        self._skipped = 0
        self.broken: set[int] = set()
        self.part = team.part(config.batch)
        content = Path(config.content)
        photos = list_pictures(content)
        if len(photos) <= config.held_out:
            raise BadInputError(f"expected more than held_out={config.held_out} photos in {content}, got {len(photos)}")
        self.photos, self.held_out = photos[: len(photos) - config.held_out], photos[len(photos) - config.held_out :]
        self.photos_known_as = fingerprint(content, photos)
        self.net = subject.net.to(team.device).to(memory_format=torch.channels_last)
        self.net.requires_grad_(subject.fit_net)
        self.vectors = nn.Parameter(subject.vectors.to(team.device))
        self._fit_net, self._before, self.teacher = subject.fit_net, subject.before, subject.teacher
        self._trained = [*(self.net.parameters() if subject.fit_net else ()), self.vectors]
        self.optimizer = torch.optim.Adam(self._trained, lr=config.learning_rate)
        self.loss_network = loss_network(config.loss_network).to(team.device)
        self.targets = style_targets(subject.paintings, self.loss_network, config.painting_size)
        if config.precision == "bf16":
            self.loss_network.convs.to(torch.bfloat16)
        self._objective = _Objective(self)
        self._team_objective = team.together(self._objective)

    def resume(self) -> bool:
        """Continue from the folder's checkpoint. Returns whether there was one. Raises BadInputError."""
        state = load_checkpoint(self.folder / "checkpoint.pt")
        if state is None:
            return False
        if state["names"] != self.names:
            raise BadInputError(f"{self.folder} was begun with the styles {state['names']}, now {self.names}")
        if state.get("photos", self.photos_known_as) != self.photos_known_as:
            raise BadInputError(
                f"{self.folder} was begun with {state['photos']}, {self.config.content} now has {self.photos_known_as}"
            )
        if not self._fit_net and not _equal(state["net"], self.net.state_dict()):
            raise BadInputError(f"{self.folder} was begun with other weights of the net: begin anew with --restart")
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        with torch.no_grad():
            self.vectors.copy_(state["vectors"])
        self.step, self._before = state["step"], state.get("before", 0)
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        state: dict[str, Any] = {
            "names": self.names,
            "net": self.net.state_dict(),
            "vectors": self.vectors.detach(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "before": self._before,
            "imitates": self.teacher is not None,
            "photos": self.photos_known_as,
        }
        save_checkpoint(self.folder / "checkpoint.pt", state)

    def go(self, report: Callable[[Progress], None], stopped: Callable[[], bool] = lambda: False) -> bool:
        """Train to the last step. Returns False, with the checkpoint written, where `stopped()` came true before.

        Only the process that leads writes and reports. Raises BackendError where the losses are no numbers any more.
        """
        if self.team.leads:
            self.folder.mkdir(parents=True, exist_ok=True)
        started, first, losses = time.monotonic(), self.step, dict[str, float]()
        with contextlib.ExitStack() as stack:
            journal = stack.enter_context(Journal(self.folder, self.step)) if self.team.leads else None
            self.team.wait()  # no process reads the folder any more: it may be written
            if self.team.leads:
                self.config.save(self.folder / "config.json")
            for batch in stack.enter_context(contextlib.closing(self._batches())):
                terms = self.train_step(batch)
                if self.step % self.config.log_every == 0 or self.step in (first + 1, self.config.steps):
                    losses = self._losses(terms) or losses
                    if journal and self.step % self.config.log_every == 0:
                        journal.log(self.step, losses)
                ends = stopped()
                last = ends or self.step == self.config.steps
                # what may have diverged does not take the place of a good checkpoint
                if journal and (last or (self.step % self.config.sample_every == 0 and not self._skipped)):
                    journal.picture(self.step, self.samples())
                    self.save()
                if self.team.leads:
                    left = (time.monotonic() - started) / (self.step - first) * (self.config.steps - self.step)
                    report(
                        Progress(
                            step=self.step,
                            steps=self.config.steps,
                            losses=losses,
                            seconds_left=left,
                            broken=len(self.broken),
                        )
                    )
                if ends:
                    return False
        self.broken = self.team.union(self.broken)
        return True

    def train_step(self, batch: Batch) -> LossTerms:
        """One update. Everything random in it depends on the seed and the step alone. Returns this process's terms."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * _schedule(self.step, self.config.steps)
        terms = self.gradients(batch)
        if nn.utils.clip_grad_norm_(self._trained, _MAX_GRADIENT_NORM).isfinite():
            self.optimizer.step()
            if self._fit_net:
                self.net.settle()
            self._skipped = 0
        else:
            self._skip()
        self.step += 1
        self.broken |= batch.broken
        return terms

    def _skip(self) -> None:
        """Pass over an update whose gradient is no number: in bf16 one batch among thousands may overflow."""
        self._skipped += 1
        if self._skipped > _MOST_SKIPPED or not all(value.isfinite().all() for value in self._trained):
            raise BackendError(
                f"the losses are no numbers any more at step {self.step}: go on from the checkpoint in {self.folder} "
                "with a lower learning rate"
            )

    def gradients(self, batch: Batch) -> LossTerms:
        """Compute the losses and leave their gradients, the team's mean, in the parameters."""
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)
        whole = (self.config.batch, *batch.photos.shape[1:])
        motion = draw_motion(whole, generator).part(self.part)
        self.optimizer.zero_grad(set_to_none=True)
        with self.precision():
            terms: LossTerms = self._team_objective(batch, motion)
        (terms.total() * _LOSS_SCALE).backward()  # type: ignore[no-untyped-call]
        return terms

    def samples(self) -> Tensor:
        """A sheet of every style on a few held-out photos: uint8 `(h, w, 3)` RGB."""
        with self.precision():
            photos = self.held_out[-_SAMPLE_PHOTOS:] or self.photos[-_SAMPLE_PHOTOS:]
            return sample_sheet(self.net, self.vectors.detach(), photos)

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """The types that the config asks for."""
        return torch.autocast(self.team.device.type, torch.bfloat16, enabled=self.config.precision == "bf16")

    def set_steps(self, steps: int) -> None:
        """Change how long the run is to be, before its first step."""
        assert self.step == 0
        self.config = replace(self.config, steps=steps)

    def _batches(self) -> Generator[Batch, None, None]:
        return batches(
            self.photos,
            styles=len(self.names),
            config=self.config,
            first_step=self.step,
            part=self.part,
            device=self.team.device,
        )

    def _losses(self, terms: LossTerms) -> dict[str, float]:
        """The team's mean of each term by name; none where one is no number, which `_skip` deals with."""
        means = self.team.mean(terms.means()).tolist()
        if not all(map(math.isfinite, means)):
            return {}
        return dict(zip((field.name for field in fields(LossTerms)), means, strict=True))


class _Objective(nn.Module):
    """A batch to its losses as one module: the shape in which DDP averages gradients."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.net, self.vectors = run.net, run.vectors
        # In a tuple, so that the loss network is no part of this module.
        self._fixed: tuple[StyleTargets, LossNetwork, LossWeights] = (run.targets, run.loss_network, run.config.weights)
        self._teachers = (run.teacher,)

    def forward(self, batch: Batch, motion: Motion) -> LossTerms:
        (teacher,) = self._teachers
        if teacher:
            made = self.net(batch.photos, self.vectors[batch.styles])
            return imitation_terms(made, teacher.paint(batch.photos, batch.styles))
        targets, network, weights = self._fixed
        return objective(
            self.net,
            batch.photos,
            self.vectors,
            batch.styles,
            targets=targets,
            loss_network=network,
            weights=weights,
            motion=motion,
        )


def _schedule(step: int, steps: int) -> float:
    """Half a cosine from 1 to 0 (Loshchilov and Hutter 2017, eq. 5, one period) after a linear warm-up."""
    warm_up = min(_WARM_UP_STEPS, max(1, steps // 10))
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name].cpu(), other[name].cpu()) for name in one)
