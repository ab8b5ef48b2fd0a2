"""Quality of style nets: their objective on photos that they never saw, beside L-BFGS on the same objective.

After Johnson et al. 2016, figure 5 (objective against steps of the optimisation) and table 1 (time). What L-BFGS
reaches (Gatys et al. 2016) is computed once, kept in a file and shared by all nets. Needs the extra `train`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks.nets import StyledNet, styled_nets
from benchmarks.tables import compact_table, steps_text
from engines.atomic import write_whole
from engines.cache import cache_folder
from engines.contract import Engine, Picture
from engines.errors import BadInputError
from train.config import PRECISIONS, LossWeights
from train.credits import SHIPPED_CREDITS, read_credits
from train.data import list_pictures, read_rgb
from train.gatys import optimise, white_noise
from train.loss_networks import LossNetwork, loss_network
from train.losses import LossTerms, StyleTargets, content_features, perceptual_terms, style_targets

__all__ = [
    "BaselineConfig",
    "LbfgsBaseline",
    "equivalent_steps",
    "measure_styles",
    "quality_table",
    "square_photos",
]

_TIMED_FRAMES, _TIMED_STEPS = 10, 3
"""Of a net, and of L-BFGS."""
Curves = dict[int, float]
"""L-BFGS steps to the objective; 0 is white noise."""


@dataclass(frozen=True, kw_only=True)
class BaselineConfig:
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


class LbfgsBaseline:
    """Objectives of pictures, and of what L-BFGS makes of the photos, for paintings and photos by name."""

    def __init__(self, config: BaselineConfig, paintings: dict[str, Path], kept: Path | None) -> None:
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

    def seconds_per_step(self, painting: str, photo: Tensor, steps: int) -> float:
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


def equivalent_steps(curves: Sequence[Curves], objective: float) -> float | None:
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


def _paintings_by_style(folder: Path, credits_path: Path | None) -> dict[str, Path]:
    """Style name to painting, as `rtstyle train bank` names them; without credits, as the shipped bank does."""
    files = list_pictures(folder)
    beside = folder / "credits.json"
    table = credits_path or (beside if beside.exists() else SHIPPED_CREDITS)
    named = read_credits(table, [file.stem for file in files])
    return {credit.name: file for credit, file in zip(named, files, strict=True)}


def square_photos(folder: Path, count: int, size: int) -> dict[str, Picture]:
    """The middle squares of the last photos of a folder, uint8 `(size, size, 3)` RGB, by name."""
    found: dict[str, Picture] = {}
    for path in reversed(list_pictures(folder)):
        if len(found) == count:
            break
        if (picture := read_rgb(path)) is not None:
            found[path.stem] = _square(picture, size)
    if len(found) < count:
        raise BadInputError(f"expected {count} photos that can be read in {folder}, got {len(found)}")
    return found


def measure_styles(
    nets: Sequence[str],
    config: BaselineConfig,
    *,
    styles: Path,
    content: Path,
    photos: int,
    sizes: Sequence[int] = (),
    only: list[str] | None = None,
    credits_path: Path | None = None,
    precisions: Sequence[str | None] = (None,),
    backend: str = "auto",
    kept: Path | None = None,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """All of it. `styles`: for each, the mean objective of L-BFGS at its marks, of the photo, of each net's pictures.

    Without marks there is nothing of L-BFGS in it. `times`: by net, and by each of `sizes`, see `_times`.

    nets, only, precisions: see `styled_nets`. styles, credits_path: see `_paintings_by_style`. content, photos: see
    `square_photos`. kept: where figures of L-BFGS are kept, None: in the cache. Raises BadInputError.
    """
    measured = [one for net in nets for one in styled_nets(net, only, precisions)]
    known = {name for one in measured for name in one.styles}
    paintings = {name: path for name, path in _paintings_by_style(styles, credits_path).items() if name in known}
    if not paintings:
        raise BadInputError(f"expected paintings of the styles {', '.join(sorted(known))} in {styles}, found none")
    pictures = square_photos(content, photos, config.size)
    kept = kept or cache_folder() / "bench" / f"gatys-{config.loss_network}-{config.precision}-{config.size}.json"
    baseline = LbfgsBaseline(config, paintings, kept if config.marks else None)
    with contextlib.ExitStack() as stack:
        engines = [stack.enter_context(one.open((config.size, config.size), backend)) for one in measured]
        quality = _objectives(list(zip(measured, engines, strict=True)), baseline, pictures, report)
    first = next(iter(pictures.values()))
    times = {one.label: _times(one, baseline, first, sizes, backend=backend) for one in measured} if sizes else {}
    return {
        "size": config.size,
        "photos": photos,
        "loss_network": config.loss_network,
        "styles": quality,
        "times": times,
    }


def _objectives(
    nets: Sequence[tuple[StyledNet, Engine]],
    baseline: LbfgsBaseline,
    photos: Mapping[str, Picture],
    report: Callable[[str], None],
) -> dict[str, object]:
    results: dict[str, object] = {}
    for name in baseline.names:
        curves: list[Curves] = []
        objectives: dict[str, list[tuple[float, float]]] = {"photo": []}
        for photo_name, picture in photos.items():
            photo = _tensor(picture)
            if baseline.config.marks:
                curves.append(baseline.curve(name, photo_name, photo))
            objectives["photo"].append(baseline.objective(name, photo, photo))
            for one, engine in nets:
                if name in one.styles:
                    engine.submit(picture, one.styles[name].vector)
                    painted = _tensor(engine.collect())
                    objectives.setdefault(one.label, []).append(baseline.objective(name, photo, painted))
        results[name] = _row(curves, objectives)
        report(f"{name}: {_row_text(results[name])}")
    return results


def _row(curves: list[Curves], objectives: dict[str, list[tuple[float, float]]]) -> dict[str, object]:
    means = {label: statistics.fmean(total for total, _ in values) for label, values in objectives.items()}
    nets = [label for label in means if label != "photo"]
    marks = sorted(curves[0]) if curves else []
    return {
        "lbfgs": {str(step): statistics.fmean(curve[step] for curve in curves) for step in marks},
        "objective": means,
        "style": {label: statistics.fmean(style for _, style in values) for label, values in objectives.items()},
        "lbfgs_steps_alike": {label: equivalent_steps(curves, means[label]) for label in nets} if curves else {},
    }


def _row_text(row: object) -> str:
    assert isinstance(row, dict)
    marks = ", ".join(f"{step} steps {value:,.0f}" for step, value in row["lbfgs"].items())
    nets = ", ".join(f"{label} {value:,.0f}" for label, value in row["objective"].items())
    return f"{nets}; L-BFGS {marks}" if marks else nets


def _times(
    net: StyledNet, baseline: LbfgsBaseline, photo: Picture, sizes: Sequence[int], *, backend: str
) -> dict[str, dict[str, float]]:
    """By size: milliseconds of the net for a picture, seconds of 500 L-BFGS steps, and their ratio."""
    style = next(iter(net.styles.values()))
    found = {}
    for size in sizes:
        picture = _square(photo, size)
        with net.open((size, size), backend) as engine:
            durations = []
            for _ in range(_TIMED_FRAMES):
                started = time.perf_counter()
                engine.submit(picture, style.vector)
                engine.collect()
                durations.append(time.perf_counter() - started)
        net_s = statistics.median(durations)
        gatys_s = 500 * baseline.seconds_per_step(baseline.names[0], _tensor(picture), _TIMED_STEPS)
        found[str(size)] = {"net_ms": net_s * 1000, "gatys_500_s": gatys_s, "ratio": gatys_s / net_s}
    return found


def quality_table(figures: Mapping[str, Any]) -> str:
    """Tables of what `measure_styles` found: objectives in thousands, one row a style; times, one row a size."""
    rows: list[list[str]] = []
    heads = ["objective / 1000"]
    for name, row in figures["styles"].items():
        if not rows:
            heads += [*row["objective"], *(f"{step} steps" for step in row["lbfgs"])]
            heads += ["as good as"] if row["lbfgs"] else []
        cells = [name, *(f"{value / 1000:.0f}" for value in (*row["objective"].values(), *row["lbfgs"].values()))]
        if marks := [int(mark) for mark in row["lbfgs"] if mark != "0"]:
            alike = row["lbfgs_steps_alike"].items()
            cells.append(", ".join(f"{label}: {steps_text(steps, marks)}" for label, steps in alike))
        rows.append(cells)
    tables = [compact_table(heads, rows)]
    for label, sizes in figures["times"].items():
        times = [
            (f"{size}x{size}", f"{one['net_ms']:.1f} ms", f"{one['gatys_500_s']:.0f} s", f"{one['ratio']:,.0f}")
            for size, one in sizes.items()
        ]
        tables.append(compact_table((label, "net", "L-BFGS, 500 steps", "ratio"), times))
    return "\n\n".join(tables)


def _square(picture: Picture, size: int) -> Picture:
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    method = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(
        cv2.resize(picture[top : top + side, left : left + side], (size, size), interpolation=method), np.uint8
    )


def _tensor(picture: Picture) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
