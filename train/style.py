"""Styles as vectors of a net: the task that fits them, with the net or alone, and how a finished net gets one more.

In a bank the net is trained and every painting has a vector of its own (see `train.bank`). A style that comes later is
its vector only (Dumoulin et al. 2017, section 3.1): the net stays as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from engines.calibration import LOWEST_PSNR, int8_psnr
from engines.errors import BadInputError
from engines.library import Style, write_style
from engines.net_file import NetFile
from train.config import StyleConfig, TrainConfig
from train.credits import Credit
from train.data import Crops, Samples, fingerprint, list_pictures, read_rgb
from train.distributed import DistributedContext
from train.export import check_parity, network_from_net_file, parity_photos, style_of
from train.loss_networks import loss_network
from train.losses import (
    LossTerms,
    content_features,
    distillation_terms,
    draw_motion,
    objective,
    perceptual_terms,
    read_painting,
    style_targets,
)
from train.networks import TransformNet
from train.trainer import TrainedPart, Trainer, Update, mixed_precision

__all__ = ["StyleTask", "limit_minutes", "style_trainer", "write_fitted_style"]

_LOSS_SCALE = 1e-5
"""Brings the loss, some 1e6 in the loss network's scale, near 1 for readable gradient norms."""
_MAX_GRADIENT_NORM = 20.0
_WARM_UP_STEPS = 100
_SAMPLE_PHOTOS = 4
_TILE_HEIGHT, _TILE_WIDTH = 240, 320
_TIMED_STEPS = 3
_log = logging.getLogger(__name__)


class StyleTask:
    """Fits style vectors and, where `fit_net`, the net to paintings, or to what another net paints."""

    reads_ahead = True

    def __init__(
        self,
        config: TrainConfig,
        context: DistributedContext,
        *,
        names: list[str],
        paintings: list[Path],
        net: TransformNet,
        vectors: Tensor,
        fit_net: bool,
        before: int = 0,
        teacher: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        """names, paintings, vectors (float32 `(styles, style_length)`): of the styles, in one order, before step one.

        before: steps of earlier runs that the net begins with. teacher: where there is one, the net learns to paint as
        it does, and no painting is looked at; it takes float `(n, 3, h, w)`, RGB in 0..1, and int `(n,)`, rows of
        `vectors`. Raises BadInputError for too few photos.
        """
        self.config, self.names, self._before = config, names, before
        self.teacher, self._fit_net, self._device = teacher, fit_net, context.device
        self.broken = set[int]()
        self._part = context.part(config.batch)
        content = Path(config.content)
        photos = list_pictures(content)
        if len(photos) <= config.held_out:
            raise BadInputError(f"expected more than held_out={config.held_out} photos in {content}, got {len(photos)}")
        self.pictures, self.held_out = photos[: len(photos) - config.held_out], photos[len(photos) - config.held_out :]
        self._photos_known_as = fingerprint(content, photos)
        self._crops = Crops(self.pictures, size=config.size, styles=len(self.names), seed=config.seed)
        self.net = net.to(self._device).to(memory_format=torch.channels_last)
        self.net.requires_grad_(fit_net)
        self.vectors = nn.Parameter(vectors.to(self._device))
        trained = [*(self.net.parameters() if fit_net else ()), self.vectors]
        self.optimizer = torch.optim.Adam(trained, lr=config.learning_rate)
        self.parts = {
            "net": TrainedPart(
                optimizer=self.optimizer, max_gradient_norm=_MAX_GRADIENT_NORM, warm_up_steps=_WARM_UP_STEPS
            )
        }
        self._loss_network = loss_network(config.loss_network).to(self._device)
        self._targets = style_targets(paintings, self._loss_network, config.painting_size)
        if config.precision == "bf16":
            self._loss_network.convs.to(torch.bfloat16)

    def batch(self, step: int) -> Samples:
        return self._crops.batch(step, self.config.batch, self._part)

    def step(self, batch: Samples, step: int, update: Update) -> Mapping[str, Tensor]:
        self.broken |= batch.broken
        with mixed_precision(self._device, self.config.precision):
            terms = self._terms(batch, step)
        if update("net", terms.total() * _LOSS_SCALE) and self._fit_net:
            self.net.settle()
        return {field.name: getattr(terms, field.name).detach() for field in fields(terms)}

    def _terms(self, batch: Samples, step: int) -> LossTerms:
        photos, styles = self._on_device(batch)
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        motion = draw_motion((self.config.batch, *photos.shape[1:]), generator).part(self._part)
        if self.teacher:
            return distillation_terms(self.net(photos, self.vectors[styles]), self.teacher(photos, styles))
        return objective(
            self.net,
            photos,
            self.vectors,
            styles,
            targets=self._targets,
            loss_network=self._loss_network,
            weights=self.config.weights,
            motion=motion,
        )

    def _on_device(self, batch: Samples) -> tuple[Tensor, Tensor]:
        """Photos, float32 `(n, 3, size, size)`, RGB in 0..1, and styles, int64 `(n,)`."""
        photos = batch.pictures.to(self._device, memory_format=torch.channels_last)
        return photos.float() / 255, batch.styles.to(self._device)

    def check(self) -> tuple[Mapping[str, float], Tensor]:
        with mixed_precision(self._device, self.config.precision):
            return {}, self._sample_sheet(self.held_out[-_SAMPLE_PHOTOS:] or self.pictures[-_SAMPLE_PHOTOS:])

    @torch.no_grad()
    def _sample_sheet(self, photos: Sequence[Path]) -> Tensor:
        """One row a photo that can be read: the photo, then each style. Returns uint8 `(h, w, 3)` RGB."""
        rows = [torch.zeros(0, _TILE_WIDTH * (len(self.vectors) + 1), 3, dtype=torch.uint8)]
        for photo in photos:
            read = read_rgb(photo)
            if read is None:
                continue
            picture = np.asarray(cv2.resize(read, (_TILE_WIDTH, _TILE_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
            tiles = [torch.from_numpy(picture)]
            x = tiles[0].to(self._device).permute(2, 0, 1)[None].float() / 255
            for vector in self.vectors:
                painted = self.net(x, vector[None]).float().clamp(0, 1) * 255
                tiles.append(painted[0].permute(1, 2, 0).round().to(torch.uint8).cpu())
            rows.append(torch.cat(tiles, dim=1))
        return torch.cat(rows)

    @torch.no_grad()
    def style_loss(self, vector: Tensor) -> Tensor:
        """How far the first photos, painted with a vector `(style_length,)`, are from the painting's style: scalar."""
        photos, styles = self._on_device(self.batch(0))
        with mixed_precision(self._device, self.config.precision):
            terms = perceptual_terms(
                self.net(photos, vector.expand(len(photos), -1)),
                content_features(photos, self._loss_network),
                styles,
                targets=self._targets,
                loss_network=self._loss_network,
                weights=self.config.weights,
            )
        return terms.style.mean()

    def state(self) -> dict[str, Any]:
        return {
            "names": self.names,
            "net": self.net.state_dict(),
            "vectors": self.vectors.detach(),
            "optimizer": self.optimizer.state_dict(),
            "before": self._before,
            "imitates": self.teacher is not None,
            "photos": self._photos_known_as,
        }

    def load_state(self, state: Mapping[str, Any], folder: Path) -> None:
        if state["names"] != self.names:
            raise BadInputError(f"{folder} was begun with the styles {state['names']}, now {self.names}")
        if state.get("photos", self._photos_known_as) != self._photos_known_as:
            raise BadInputError(
                f"{folder} was begun with {state['photos']}, {self.config.content} now has {self._photos_known_as}"
            )
        if not self._fit_net and not _equal(state["net"], self.net.state_dict()):
            raise BadInputError(f"{folder} was begun with other weights of the net: begin anew with --restart")
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        with torch.no_grad():
            self.vectors.copy_(state["vectors"])
        self._before = state.get("before", 0)


def style_trainer(
    folder: Path, config: StyleConfig, context: DistributedContext, net: NetFile, styles: Sequence[Style]
) -> Trainer[StyleTask]:
    """Fits one vector of `net`, from where `folder` has a checkpoint. Call its `run`.

    styles: those that the net has. The vector starts as the one of them, or their mean, that comes nearest.
    """
    read_painting(Path(config.painting), config.painting_size)  # a file that is none shows at once
    network = network_from_net_file(net)
    task = StyleTask(
        config,
        context,
        names=[config.name],
        paintings=[Path(config.painting)],
        net=network,
        vectors=network.neutral_style(),
        fit_net=False,
    )
    trainer = Trainer(folder, task, context)
    if not trainer.resume() and styles:
        vectors = torch.stack([torch.from_numpy(style.vector) for style in styles])
        candidates = torch.cat([vectors, vectors.mean(0, keepdim=True)]).to(context.device)
        losses = context.mean(torch.stack([task.style_loss(vector) for vector in candidates]))
        with torch.no_grad():
            task.vectors.copy_(candidates[losses.argmin()][None])
    return trainer


def limit_minutes(trainer: Trainer[StyleTask], minutes: float) -> None:
    """Lower the number of steps of a run that has not begun to what is done in so many minutes at today's pace.

    The config of the run then says how many, so that it can be repeated.
    """
    assert trainer.step == 0
    task = trainer.task
    steps = int(minutes * 60 / trainer.seconds_a_step(_TIMED_STEPS))
    task.config = replace(task.config, steps=max(1, min(task.config.steps, steps)))


def write_fitted_style(task: StyleTask, net: NetFile, credit: Credit, path: Path) -> Style:
    """Write the style file of a task that has done its last step, after a parity check. Raises BackendError."""
    vector = task.vectors.detach().float().cpu()[0]
    photos = parity_photos(task.held_out or task.pictures)
    check_parity(task.net.cpu().eval(), net, [vector], photos)
    if net.spec.int8_scales and (psnr := int8_psnr(net, photos[0], vector.numpy())) < LOWEST_PSNR:
        _log.warning(
            "style %s needs larger numbers than net %s has in 8 bits, it is painted %.0f dB from float32: --precision "
            "bf16 or f32 paints it as it was trained",
            credit.name,
            net.spec.name,
            psnr,
        )
    style = style_of(vector, credit, net)
    write_style(path, style)
    return style


def _equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name].cpu(), other[name].cpu()) for name in one)
