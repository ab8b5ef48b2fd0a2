"""The task of training an upscaler: its losses, a discriminator where the config asks for one, checks, and the export.

with distributed_context() as context:
    sr_trainer(folder, SrConfig(pictures="photos", scale=4), context).run(report)
export_sr(folder, folder / "export")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.errors import BadInputError
from engines.net_file import NetFile
from train.checkpoint import other_checkpoint, read_run, take_over
from train.config import SrConfig
from train.data import list_pictures
from train.distributed import DistributedContext
from train.export import export_net, paint, parity_photos
from train.loss_networks import LossNetwork, loss_network
from train.losses import feature_reconstruction
from train.sr.data import EDGE, Patches, degraded
from train.sr.evaluation import Pair, psnr, read_pairs
from train.sr.networks import sr_network
from train.trainer import TrainedPart, Trainer, Update, mixed_precision

__all__ = [
    "Discriminator",
    "SrTask",
    "discriminator_loss",
    "export_sr",
    "feature_loss",
    "generator_loss",
    "pixel_loss",
    "sr_trainer",
]

_MAX_GRADIENT_NORM = 0.5
_WARM_UP_STEPS = 200
_DISCRIMINATOR_LEARNING_RATE = 2e-4
_FOR_SAMPLES = 2**31
"""The number of a step that no run comes to: its patches are for sample sheets."""
_SAMPLE_ROWS = 6
_FLOAT_HEAD = (2, 3)
"""Scales whose pictures are so near the original that 8 bits in the head would cost them 0.08 dB, as measured on Set5;
with few sub-pixels their heads take little time."""
_FEATURES = {"relu2_2": 1e-5, "relu1_2": 4e-5}
"""Layers and weights, which bring squared distances of the original VGG's features, some 1e4, near the other terms.

relu2_2 is that of Johnson et al. 2016. Alone it draws a fine grid, for it lies behind a maximum over each 2x2 pixels,
which does not see the pixels below the maximum; relu1_2 does.
"""
_USUAL_SQUARES = {"relu2_2": 8e4, "relu1_2": 4e4}
"""Mean squares of those features of photos: what another loss network's are brought to."""
_LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""BT.601, as in the metric."""
_COLOUR_SHARE = 0.25
_SMOOTH = 1e-3


def pixel_loss(made: Tensor, original: Tensor) -> Tensor:
    """Charbonnier on luma, and with a quarter of the weight on RGB. Both float `(n, 3, h, w)`, RGB in 0..1; a scalar.

    Luma is what eyes and the tables look at; without the colour term nothing would hold the colours.
    """
    difference = made - original
    luma = torch.einsum("nchw,c->nhw", difference, difference.new_tensor(_LUMA))
    return _charbonnier(luma) + _COLOUR_SHARE * _charbonnier(difference)


def _charbonnier(difference: Tensor) -> Tensor:
    """A differentiable absolute value (Charbonnier et al. 1994; Lai et al. 2017, eq. 2), averaged: a scalar."""
    return (difference.square() + _SMOOTH**2).sqrt().mean()


def feature_loss(made: Tensor, original: Tensor, network: LossNetwork) -> Tensor:
    """Eq. 2 of Johnson et al., summed over layers. Both float `(n, 3, h, w)`, RGB in 0..1; a scalar near 0.2."""
    with torch.no_grad():
        wanted = network(original, _FEATURES)
    features = network(made, _FEATURES)
    terms = []
    for layer, scale in _FEATURES.items():
        unit = 1.0 if network.original_scale else _USUAL_SQUARES[layer] / float(wanted[layer].float().square().mean())
        terms.append(scale * unit * feature_reconstruction(features[layer], wanted[layer]).mean())
    return torch.stack(terms).sum()


class Discriminator(nn.Module):
    """Looks at pieces of 52x52 pixels and says of each how real it is; spectral norm keeps it from running away."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for number, (kernel, stride) in enumerate(((3, 1), (4, 2), (3, 1), (4, 2), (3, 1), (4, 2))):
            wider = width * 2 ** ((number + 1) // 2)
            layers += [
                nn.utils.parametrizations.spectral_norm(nn.Conv2d(channels, wider, kernel, stride, 1)),
                nn.LeakyReLU(0.2),
            ]
            channels = wider
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, picture: Tensor) -> Tensor:
        """Float `(n, 3, h, w)`, RGB in 0..1, to scores `(n, 1, h / 8, w / 8)`: the higher, the more real."""
        out: Tensor = self.layers(picture - 0.5)
        return out


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Of scores: real pictures shall score higher than the average made one. A scalar.

    A relativistic average GAN (Jolicoeur-Martineau 2019, as in ESRGAN).
    """
    return 0.5 * (F.softplus(made.mean() - real).mean() + F.softplus(made - real.mean()).mean())


def generator_loss(real: Tensor, made: Tensor) -> Tensor:
    """What the upscaler makes small: the same with the sides changed. A scalar."""
    return discriminator_loss(made, real)


class SrTask:
    """Trains an upscaler. Raises BadInputError for folders without fitting pictures."""

    def __init__(self, config: SrConfig, context: DistributedContext) -> None:
        self.config, self._device = config, context.device
        torch.manual_seed(config.seed)
        net: Any = sr_network(config).to(self._device)
        self.net: nn.Module = net.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=config.learning_rate)
        self.parts = {
            "net": TrainedPart(
                optimizer=self.optimizer, max_gradient_norm=_MAX_GRADIENT_NORM, warm_up_steps=_WARM_UP_STEPS
            )
        }
        self._loss_network: LossNetwork | None = None
        self._discriminator: Discriminator | None = None
        if config.mode == "perceptual" and config.feature_weight:
            self._loss_network = loss_network(config.loss_network).to(self._device)
            if config.precision == "bf16":
                self._loss_network.convs.to(torch.bfloat16)
        if config.mode == "perceptual" and config.adversarial_weight:
            self._discriminator = Discriminator().to(self._device).to(memory_format=torch.channels_last)
            parameters = self._discriminator.parameters()
            self.parts["discriminator"] = TrainedPart(
                optimizer=torch.optim.Adam(parameters, lr=_DISCRIMINATOR_LEARNING_RATE, betas=(0.9, 0.99))
            )
        self._part = context.part(config.batch)
        self._checks = read_pairs(Path(config.checks), config.scale) if config.checks else []
        side = (config.patch + 2 * EDGE) * config.scale
        self._patches = Patches(Path(config.pictures), side=side, seed=config.seed)
        self.pictures, self.broken = self._patches.paths, self._patches.broken
        # On a GPU, patches are made while the net computes; on a CPU, both would want the same cores.
        self.reads_ahead = False

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Low and high resolution, float `(n, 3, side, side)`, RGB in 0..255, on the CPU: the same in every run."""
        scale = self.config.scale
        high = self._patches.batch(step, self.config.batch).float()
        low = degraded(high, scale, self.config.degradation, np.random.default_rng((self.config.seed, step, 1)))
        low = low[self._part, :, EDGE:-EDGE, EDGE:-EDGE]
        return low, high[self._part, :, EDGE * scale : -EDGE * scale, EDGE * scale : -EDGE * scale]

    def _on_device(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """In 0..1."""
        low, high = (x.to(self._device, memory_format=torch.channels_last) / 255 for x in batch)
        return low, high

    def step(self, batch: tuple[Tensor, Tensor], step: int, update: Update) -> Mapping[str, Tensor]:  # noqa: ARG002
        low, high = self._on_device(batch)
        self.net.train()
        made = self.net(low)
        terms = self._terms(made, high)
        update("net", terms["pixel"] + terms["feature"] + terms["adversarial"])
        if self._discriminator:
            update("discriminator", discriminator_loss(self._discriminator(high), self._discriminator(made.detach())))
        return {name: term.detach() for name, term in terms.items()}

    def _terms(self, made: Tensor, high: Tensor) -> dict[str, Tensor]:
        """Weighted; scalars."""
        config, nothing = self.config, made.new_zeros(())
        feature = adversarial = nothing
        if self._loss_network:
            with mixed_precision(self._device, config.precision):
                feature = config.feature_weight * feature_loss(made, high, self._loss_network)
        if self._discriminator:
            scores = self._discriminator(high), self._discriminator(made)
            adversarial = config.adversarial_weight * generator_loss(*scores)
        weight = config.pixel_weight if config.mode == "perceptual" else 1.0
        # Gradients are summed in the order of the terms: this one comes last, as ever, so that runs can be repeated.
        return {"pixel": weight * pixel_loss(made, high), "feature": feature, "adversarial": adversarial}

    def check(self) -> tuple[Mapping[str, float], Tensor]:
        """PSNR on the checks, and a sheet: what comes in, bicubic, what the net makes of it, the original."""
        self.net.eval()
        figures = {"psnr": _mean_psnr(self.net, self._checks, self.config.scale)} if self._checks else {}
        low, high = (x[:_SAMPLE_ROWS] for x in self._on_device(self.batch(_FOR_SAMPLES)))
        size = (high.shape[2], high.shape[3])
        with torch.no_grad():
            columns = [
                F.interpolate(low, size, mode="nearest"),
                F.interpolate(low, size, mode="bicubic", align_corners=False),
                self.net(low),
                high,
            ]
        sheet = torch.cat([torch.cat(list(column), dim=1) for column in columns], dim=2)
        return figures, (sheet.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu()

    def state(self) -> dict[str, Any]:
        state = {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "teachers": {},
            "pictures": self._patches.known_as,
        }
        if self._discriminator:
            optimizer = self.parts["discriminator"].optimizer
            state["teachers"] = {"judge": self._discriminator.state_dict(), "optimizer": optimizer.state_dict()}
        return state

    def load_state(self, state: Mapping[str, Any], folder: Path) -> None:
        if state.get("pictures", self._patches.known_as) != self._patches.known_as:
            raise BadInputError(
                f"{folder} was begun with {state['pictures']}, {self.config.pictures} now has {self._patches.known_as}"
            )
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self._discriminator:
            self._discriminator.load_state_dict(state["teachers"]["judge"])
            self.parts["discriminator"].optimizer.load_state_dict(state["teachers"]["optimizer"])


def sr_trainer(folder: Path, config: SrConfig, context: DistributedContext) -> Trainer[SrTask]:
    """Goes on from the checkpoint in `folder`, or begins with the weights of the config's `start`. Call its `run`."""
    trainer = Trainer(folder, SrTask(config, context), context)
    if not trainer.resume() and config.start:
        take_over(trainer.task.net, other_checkpoint(Path(config.start), "start from")["net"])
    return trainer


def export_sr(run_folder: Path, out: Path, *, name: str | None = None) -> NetFile:
    """Write `NAME.onnx` of a run as far as it is, after the parity check, into the folder `out`.

    name: None is `sr4-fidelity` and the like. Raises BadInputError for no run, and BackendError, with nothing written,
    where a runtime makes anything else than PyTorch does.
    """
    config, state = read_run(run_folder, SrConfig)
    net = sr_network(config)
    net.load_state_dict(state["net"])
    return export_net(
        out,
        net,
        parity_photos(list_pictures(Path(config.pictures))),
        name=name or f"{'johnson-' if config.net == 'johnson' else ''}sr{config.scale}-{config.mode}",
        training=config.facts() | {"steps": state["step"]},
        float_head=net.scale in _FLOAT_HEAD,
    )


def _mean_psnr(net: nn.Module, pairs: Sequence[Pair], scale: int) -> float:
    """Decibels on luma with `scale` pixels of border cut off, averaged over the pictures."""
    return float(np.mean([psnr(paint(net, low, None), high, scale) for low, high in pairs]))
