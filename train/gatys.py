"""The picture itself, optimised: Gatys, Ecker, Bethge 2016, on the losses that the nets are trained with.

As the baseline of Johnson et al. 2016 (section 4.1): L-BFGS from white noise, the pixels kept within 0..1 at each step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import torch
from torch import Tensor

from engines.errors import BadInputError
from train.config import LOSS_NETWORKS, LossWeights
from train.loss_networks import LossNetwork, loss_network
from train.objective import LossTerms, content_features, perceptual_terms
from train.paintings import StyleTargets, style_targets
from train.photos import read_rgb, write_rgb

__all__ = ["GatysConfig", "optimise", "paint_by_optimising", "white_noise"]

_HISTORY = 20


@dataclass(frozen=True, kw_only=True)
class GatysConfig:
    """Options of one picture."""

    steps: int = 500
    size: int = 512
    """Long side in pixels."""
    painting_size: int = 384
    """Short side that the painting is resized to."""
    loss_network: str = "vgg19"
    weights: LossWeights = field(default_factory=LossWeights)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.loss_network not in LOSS_NETWORKS:
            raise BadInputError(f"loss_network is one of {', '.join(LOSS_NETWORKS)}, got {self.loss_network!r}")


def paint_by_optimising(
    photo: Path | None,
    painting: Path,
    out: Path,
    config: GatysConfig,
    report: Callable[[int, LossTerms], None] | None = None,
) -> None:
    """Paint a photo, or a square texture without one, and write it. Raises BadInputError, OutputError."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = loss_network(config.loss_network).to(device)
    targets = style_targets([painting], network, config.painting_size)
    picture = None if photo is None else _read_photo(photo, config.size).to(device)
    height, width = (config.size, config.size) if picture is None else picture.shape[2:]
    painted = optimise(
        white_noise(height, width, config.seed).to(device),
        picture,
        targets=targets,
        network=network,
        weights=config.weights,
        steps=config.steps,
        report=report,
    )
    pixels = (painted[0] * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    write_rgb(out, pixels)


def _read_photo(path: Path, long_side: int) -> Tensor:
    """float32 `(1, 3, h, w)`, RGB in 0..1, made smaller to `long_side` where it is larger."""
    picture = read_rgb(path)
    if picture is None:
        raise BadInputError(f"expected a photo as a picture file, {path} cannot be read: use JPEG, PNG or WebP")
    scale = min(1.0, long_side / max(picture.shape[:2]))
    resized = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return torch.from_numpy(resized).permute(2, 0, 1)[None].float() / 255


def white_noise(height: int, width: int, seed: int) -> Tensor:
    """Where the optimisation starts: float32 `(1, 3, height, width)`, even in 0..1."""
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def optimise(
    start: Tensor,
    photo: Tensor | None,
    *,
    targets: StyleTargets,
    style: int = 0,
    network: LossNetwork,
    weights: LossWeights,
    steps: int,
    report: Callable[[int, LossTerms], None] | None = None,
) -> Tensor:
    """Run L-BFGS for `steps` steps. Returns float32 `(1, 3, h, w)`, RGB in 0..1, on the device of `start`.

    start, photo: the same; without a photo the result is a texture of the painting. style: a row of `targets`.
    report: is told, before each step and after the last, how many were done and the terms of the objective.
    """
    picture = start.clone().requires_grad_()
    content = None if photo is None else content_features(photo, network)
    row = torch.tensor([style], device=start.device)
    done = 0

    def evaluate() -> Tensor:
        nonlocal done
        with torch.no_grad():
            picture.clamp_(0, 1)
        terms = perceptual_terms(picture, content, row, targets=targets, loss_network=network, weights=weights)
        if report:
            report(done, terms.detached())
        done += 1
        total = terms.total()
        picture.grad = None
        total.backward()  # type: ignore[no-untyped-call]
        return total

    while done <= steps:
        before = done
        optimizer = torch.optim.LBFGS(
            [picture],
            max_iter=steps + 1 - done,
            max_eval=steps + 1 - done,
            history_size=_HISTORY,
            tolerance_grad=0,
            tolerance_change=0,
        )
        # It ends early where keeping the pixels within 0..1 turned its direction uphill: it begins anew from there.
        optimizer.step(evaluate)  # type: ignore[no-untyped-call]
        if done == before + 1:
            break  # nothing left to gain
    return picture.detach().clamp_(0, 1)
