"""What Gatys et al.'s optimisation reaches on held-out photos: computed once, kept, and shared by all nets."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from engines.atomic import write_whole
from engines.errors import BadInputError
from train.config import PRECISIONS, LossWeights
from train.gatys import optimise, white_noise
from train.loss_networks import LossNetwork, loss_network
from train.losses import LossTerms, StyleTargets, content_features, perceptual_terms, style_targets

__all__ = ["Curves", "Yardstick", "YardstickConfig", "steps_for"]

Curves = dict[int, float]
"""L-BFGS steps to the objective; 0 is white noise."""


@dataclass(frozen=True, kw_only=True)
class YardstickConfig:
    """What the figures depend on."""

    size: int = 256
    """Side of the square photos in pixels."""
    painting_size: int = 384
    loss_network: str = "vgg19"
    precision: str = "bf16"
    """Of L-BFGS, see `train.gatys.optimise`."""
    marks: tuple[int, ...] = (50, 100, 200, 500)
    """Steps after which the objective is noted; none: nets are compared with one another alone."""
    seed: int = 0
    weights: LossWeights = field(default_factory=lambda: LossWeights(stability=0.0))

    def __post_init__(self) -> None:
        if list(self.marks) != sorted(set(self.marks)) or min(self.marks, default=1) < 1:
            raise BadInputError(f"expected marks such as 50,100,200,500, got {self.marks}")
        if self.precision not in PRECISIONS:
            raise BadInputError(f"precision of L-BFGS is one of {', '.join(PRECISIONS)}, got {self.precision!r}")


class Yardstick:
    """Objectives of pictures, and of what L-BFGS makes of the photos, for paintings and photos by name."""

    def __init__(self, config: YardstickConfig, paintings: dict[str, Path], kept: Path | None) -> None:
        """kept: a JSON file that figures are read from and added to as they come; they take hours."""
        self.config, self.names = config, list(paintings)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network: LossNetwork = loss_network(config.loss_network).to(self.device)
        self._targets: StyleTargets = style_targets(list(paintings.values()), self._network, config.painting_size)
        self._paintings = {name: hashlib.sha256(path.read_bytes()) for name, path in paintings.items()}
        self._kept = kept
        self._facts = json.loads(json.dumps({key: value for key, value in asdict(config).items() if key != "marks"}))
        self._curves = self._read()
        self._timed: dict[tuple[int, ...], float] = {}

    def objective(self, painting: str, photo: Tensor, picture: Tensor) -> tuple[float, float]:
        """Eq. 5 of Johnson et al. for a picture of a photo, both float `(1, 3, h, w)`, RGB in 0..1.

        All of it, and the style's part of it.
        """
        with torch.no_grad():
            terms = perceptual_terms(
                picture.to(self.device).clamp(0, 1),
                content_features(photo.to(self.device), self._network),
                torch.tensor([self.names.index(painting)], device=self.device),
                targets=self._targets,
                loss_network=self._network,
                weights=self.config.weights,
            )
        return float(terms.total()), float(terms.style)

    def curve(self, painting: str, name: str, photo: Tensor) -> Curves:
        """The objective before the first step and at the marks. photo: float `(1, 3, h, w)`, called `name`."""
        key = f"{painting}/{name}/{self._digest(painting, photo)}"
        wanted = {0, *self.config.marks}
        if not wanted <= self._curves.get(key, {}).keys():
            noted: Curves = {}

            def note(step: int, terms: LossTerms) -> None:
                noted[step] = float(terms.total())

            self._optimise(painting, photo, sorted({*self._curves.get(key, {}), *self.config.marks} - {0}), note)
            self._curves[key] = noted
            self._write()
        return {step: value for step, value in self._curves[key].items() if step in wanted}

    def seconds_a_step(self, painting: str, photo: Tensor, steps: int) -> float:
        """How long a step of L-BFGS takes for a photo, float `(1, 3, h, w)`: the mean of `steps` after two.

        Measured once for each size.
        """
        key = (*photo.shape[2:], steps)
        if key in self._timed:
            return self._timed[key]
        at: list[float] = []

        def note(_: int, terms: LossTerms) -> None:
            float(terms.total())  # waits for a GPU
            at.append(time.perf_counter())

        self._optimise(painting, photo, (2, 2 + steps), note)
        self._timed[key] = (at[-1] - at[-2]) / steps
        return self._timed[key]

    def _optimise(
        self, painting: str, photo: Tensor, marks: Sequence[int], report: Callable[[int, LossTerms], None]
    ) -> None:
        start = white_noise(photo.shape[2], photo.shape[3], self.config.seed)
        optimise(
            start.to(self.device),
            photo.to(self.device),
            targets=self._targets,
            style=self.names.index(painting),
            network=self._network,
            weights=self.config.weights,
            marks=marks,
            precision=self.config.precision,
            report=report,
        )

    def _digest(self, painting: str, photo: Tensor) -> str:
        """Of the pictures' content: kept figures are never taken for those of other pictures of the same name."""
        both = self._paintings[painting].copy()
        both.update(photo.numpy().tobytes())
        return both.hexdigest()[:12]

    def _read(self) -> dict[str, Curves]:
        if self._kept is None or not self._kept.exists():
            return {}
        try:
            content = json.loads(self._kept.read_text(encoding="utf-8"))
            facts = {key: value for key, value in content["config"].items() if key != "marks"}
            if facts != self._facts:
                raise BadInputError(f"{self._kept} was measured with {facts}: name another file with --kept")
            return {key: {int(step): value for step, value in one.items()} for key, one in content["curves"].items()}
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise BadInputError(f"{self._kept}: expected figures of an earlier run: {error}") from error

    def _write(self) -> None:
        if self._kept:
            content = {"config": self._facts, "curves": self._curves}
            write_whole(self._kept, (json.dumps(content, indent=1) + "\n").encode())


def steps_for(curves: Sequence[Curves], objective: float) -> float | None:
    """After how many L-BFGS steps the mean of `curves` is down to `objective`, between marks along a straight line.

    Where it is higher than at the first mark, that mark: before it, the objective falls too steeply for a line. None
    where all the steps do not get there.
    """
    steps = [step for step in sorted(curves[0]) if step]
    means = [sum(curve[step] for curve in curves) / len(curves) for step in steps]
    if objective >= means[0]:
        return float(steps[0])
    for place in range(1, len(steps)):
        high, low = means[place - 1], means[place]
        if low <= objective:
            share = (high - objective) / (high - low)
            return steps[place - 1] + share * (steps[place] - steps[place - 1])
    return None
