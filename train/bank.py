"""Train a bank: all styles in one net, each a vector of its own."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from engines.errors import BadInputError
from train.checkpoint import load_checkpoint, save_checkpoint
from train.config import BankConfig
from train.loss_networks import LossNetwork, vgg16, vgg19
from train.networks import TransformNet, network
from train.objective import LossTerms, objective
from train.paintings import StyleTargets, style_targets
from train.photos import Crops, list_pictures
from train.samples import write_sample_sheet

__all__ = ["BankRun", "Progress", "train_bank"]

_LOSS_SCALE = 1e-5
"""Brings the loss, some 1e6 in the loss network's scale, near 1 for readable gradient norms."""
_MAX_GRADIENT_NORM = 20.0
_WARM_UP_STEPS = 100
_LOG_EVERY = 20

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a run tells its caller every few steps."""

    step: int
    steps: int
    losses: dict[str, float]
    seconds_left: float


class BankRun:
    """One training run in a folder: the net, the style vectors, the optimiser, and where it stands."""

    def __init__(self, folder: Path, config: BankConfig) -> None:
        self.folder, self.config = folder, config
        paintings = list_pictures(Path(config.styles))
        self.names = [p.stem for p in paintings]
        photos = list_pictures(Path(config.content))
        if len(photos) <= config.held_out:
            raise BadInputError(f"expected more than held_out={config.held_out} photos, got {len(photos)}")
        self.photos, self.held_out = photos[: -config.held_out or None], photos[len(photos) - config.held_out :]
        torch.manual_seed(config.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.net: TransformNet = network(config.net).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.vectors = nn.Parameter(self.net.neutral_style(len(paintings)).to(self.device))
        self.optimizer = torch.optim.Adam([*self.net.parameters(), self.vectors], lr=config.learning_rate)
        self.step = 0
        loss_network = {"vgg16": vgg16, "vgg19": vgg19}[config.loss_network]()
        targets = style_targets(paintings, loss_network, config.painting_size)
        self.targets = StyleTargets(
            grams={layer: gram.to(self.device) for layer, gram in targets.grams.items()},
            weights=targets.weights.to(self.device),
        )
        loss_network.convs.to(torch.bfloat16)
        self.loss_network: LossNetwork = loss_network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def resume(self) -> bool:
        """Continue from the folder's checkpoint. Returns whether there was one."""
        state = load_checkpoint(self.folder / "checkpoint.pt")
        if state is None:
            return False
        if state["names"] != self.names:
            raise BadInputError(f"{self.folder} was begun with the styles {state['names']}, now {self.names}")
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        with torch.no_grad():
            self.vectors.copy_(state["vectors"])
        self.step = state["step"]
        return True

    def save(self) -> None:
        """Write the checkpoint and a sheet of samples."""
        state: dict[str, Any] = {
            "names": self.names,
            "net": self.net.state_dict(),
            "vectors": self.vectors.detach(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        save_checkpoint(self.folder / "checkpoint.pt", state)
        with self.precision():
            write_sample_sheet(
                self.folder / f"samples-{self.step:06d}.png", self.net, self.vectors.detach(), self.held_out[-4:]
            )

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """bf16 where it is exact enough, float32 for sums and norms."""
        return torch.autocast(self.device.type, torch.bfloat16)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """From the current step to the last: photos float `(n, 3, size, size)` in 0..1 and style indices."""
        batch = self.config.batch
        crops = Crops(self.photos, size=self.config.size, styles=len(self.names), seed=self.config.seed)
        numbers = range(self.step * batch, self.config.steps * batch)
        for pictures, styles in DataLoader(crops, batch, sampler=numbers, num_workers=1, prefetch_factor=8):
            photos = pictures.to(self.device, memory_format=torch.channels_last).float() / 255
            yield photos, styles.to(self.device)

    def train_step(self, photos: Tensor, styles: Tensor) -> LossTerms:
        """One update. Everything random in it depends on the seed and the step alone."""
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * _schedule(self.step, self.config.steps)
        with self.precision():
            terms = objective(
                self.net,
                photos,
                self.vectors,
                styles,
                targets=self.targets,
                loss_network=self.loss_network,
                config=self.config,
                generator=generator,
            )
        self.optimizer.zero_grad(set_to_none=True)
        (terms.total() * _LOSS_SCALE).backward()
        nn.utils.clip_grad_norm_([*self.net.parameters(), self.vectors], _MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.step += 1
        return terms


def _schedule(step: int, steps: int) -> float:
    """Half a cosine from 1 to 0 (Loshchilov and Hutter 2017, eq. 5, one period) after a linear warm-up."""
    return min(1.0, (step + 1) / _WARM_UP_STEPS) * 0.5 * (1 + math.cos(math.pi * step / steps))


def train_bank(folder: Path, config: BankConfig, report: Callable[[Progress], None]) -> BankRun:
    """Train, or resume where the folder has a checkpoint, to the last step; returns the finished run.

    folder: gets `config.json`, `checkpoint.pt`, `samples-*.png` and `log.jsonl`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = BankRun(folder, config)
    if run.resume():
        logger.info("resumed %s at step %d", folder, run.step)
    config.save(folder / "config.json")
    started, first = time.monotonic(), run.step
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        for photos, styles in run.batches():
            terms = run.train_step(photos, styles)
            if run.step % _LOG_EVERY == 0:
                losses = {name: getattr(terms, name).mean().item() for name in LossTerms.__annotations__}
                log.write(json.dumps({"step": run.step, **losses}) + "\n")
                log.flush()
                pace = (time.monotonic() - started) / (run.step - first)
                report(
                    Progress(
                        step=run.step,
                        steps=config.steps,
                        losses=losses,
                        seconds_left=pace * (config.steps - run.step),
                    )
                )
            if run.step % config.sample_every == 0 or run.step == config.steps:
                run.save()
    return run
