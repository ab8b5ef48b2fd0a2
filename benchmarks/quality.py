"""Quality of style nets: their objective on photos that they never saw, beside L-BFGS on the same objective.

After Johnson et al. 2016, figure 5 (objective against steps of the optimisation) and table 1 (time).
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks.gatys import Curves, Yardstick, steps_for
from benchmarks.nets import Painted
from benchmarks.table import spoken_steps
from engines.contract import Engine, Picture
from engines.errors import BadInputError
from train.credits import SHIPPED_CREDITS, read_credits
from train.data import list_pictures, read_rgb

__all__ = ["markdown", "paintings_by_style", "quality_of", "square_photos", "times_of"]

_TIMED_FRAMES = 10


def paintings_by_style(folder: Path, credits_path: Path | None) -> dict[str, Path]:
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


def quality_of(
    nets: Sequence[Painted],
    yardstick: Yardstick,
    photos: dict[str, Picture],
    report: Callable[[str], None],
    *,
    backend: str = "auto",
) -> dict[str, object]:
    """For each style: the mean objective of L-BFGS at its marks, of the photo itself, and of each net's pictures.

    Without marks there is nothing of L-BFGS in it.
    """
    with contextlib.ExitStack() as stack:
        size = (yardstick.config.size, yardstick.config.size)
        engines = [stack.enter_context(one.open(size, backend)) for one in nets]
        return _quality(list(zip(nets, engines, strict=True)), yardstick, photos, report)


def _quality(
    nets: Sequence[tuple[Painted, Engine]],
    yardstick: Yardstick,
    photos: dict[str, Picture],
    report: Callable[[str], None],
) -> dict[str, object]:
    results: dict[str, object] = {}
    for name in yardstick.names:
        curves: list[Curves] = []
        objectives: dict[str, list[tuple[float, float]]] = {"photo": []}
        for photo_name, picture in photos.items():
            photo = _tensor(picture)
            if yardstick.config.marks:
                curves.append(yardstick.curve(name, photo_name, photo))
            objectives["photo"].append(yardstick.objective(name, photo, photo))
            for one, engine in nets:
                if name in one.styles:
                    engine.submit(picture, one.styles[name].vector)
                    painted = _tensor(engine.collect())
                    objectives.setdefault(one.label, []).append(yardstick.objective(name, photo, painted))
        results[name] = _row(curves, objectives)
        report(f"{name}: {_spoken(results[name])}")
    return results


def times_of(
    net: Painted, yardstick: Yardstick, photo: Picture, sizes: Sequence[int], *, backend: str, steps: int
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
        gatys_s = 500 * yardstick.seconds_a_step(yardstick.names[0], _tensor(picture), steps)
        found[str(size)] = {"net_ms": net_s * 1000, "gatys_500_s": gatys_s, "ratio": gatys_s / net_s}
    return found


def markdown(figures: Mapping[str, Any]) -> str:
    """Tables of what `quality_of` and `times_of` found: objectives in thousands, one row a style."""
    lines: list[str] = []
    for name, row in figures["styles"].items():
        if not lines:
            heads = ["objective / 1000", *row["objective"], *(f"{step} steps" for step in row["lbfgs"])]
            heads += ["as good as"] if row["lbfgs"] else []
            lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        cells = [name, *(f"{value / 1000:.0f}" for value in (*row["objective"].values(), *row["lbfgs"].values()))]
        if marks := [int(mark) for mark in row["lbfgs"] if mark != "0"]:
            cells.append(
                ", ".join(f"{label}: {spoken_steps(steps, marks)}" for label, steps in row["lbfgs_steps_alike"].items())
            )
        lines.append(f"| {' | '.join(cells)} |")
    for label, sizes in figures["times"].items():
        lines += ["", f"| {label} | net | L-BFGS, 500 steps | ratio |", "|---|---|---|---|"]
        for size, one in sizes.items():
            lines.append(
                f"| {size}x{size} | {one['net_ms']:.1f} ms | {one['gatys_500_s']:.0f} s | {one['ratio']:,.0f} |"
            )
    return "\n".join(lines)


def _row(curves: list[Curves], objectives: dict[str, list[tuple[float, float]]]) -> dict[str, object]:
    means = {label: statistics.fmean(total for total, _ in values) for label, values in objectives.items()}
    nets = [label for label in means if label != "photo"]
    marks = sorted(curves[0]) if curves else []
    return {
        "lbfgs": {str(step): statistics.fmean(curve[step] for curve in curves) for step in marks},
        "objective": means,
        "style": {label: statistics.fmean(style for _, style in values) for label, values in objectives.items()},
        "lbfgs_steps_alike": {label: steps_for(curves, means[label]) for label in nets} if curves else {},
    }


def _spoken(row: object) -> str:
    assert isinstance(row, dict)
    marks = ", ".join(f"{step} steps {value:,.0f}" for step, value in row["lbfgs"].items())
    nets = ", ".join(f"{label} {value:,.0f}" for label, value in row["objective"].items())
    return f"{nets}; L-BFGS {marks}" if marks else nets


def _square(picture: Picture, size: int) -> Picture:
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    method = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(
        cv2.resize(picture[top : top + side, left : left + side], (size, size), interpolation=method), np.uint8
    )


def _tensor(picture: Picture) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
