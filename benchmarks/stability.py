"""Flicker of styles: the warping error of painted clips beside that of the clips themselves.

E_warp = sqrt(mean over frames of the mean of (O_t - W O_{t-1})^2 over pixels that both frames show), in 0..1.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.nets import Painted
from benchmarks.scenes import CAMERA_MOVES, Moment, camera_scene, clip_scene
from benchmarks.warping import squared_change
from engines.contract import Engine
from engines.library import Style

__all__ = ["INPUT", "markdown", "scenes_of", "stability_of", "summary"]

INPUT = "input"
"""What the unpainted frames are called among the results."""
Scenes = Iterable[tuple[str, Iterator[Moment]]]
Report = Callable[[str, dict[str, float]], None]


def scenes_of(
    clips: list[Path], photos: list[tuple[str, NDArray[np.uint8]]], *, frames: int
) -> Iterator[tuple[str, Iterator[Moment]]]:
    """All scenes by name: clips, then every camera move over every photo (name and uint8 `(h, w, 3)` RGB)."""
    for clip in clips:
        yield clip.stem, clip_scene(clip, frames)
    for name, photo in photos:
        for move in CAMERA_MOVES:
            yield f"{move} {name}", camera_scene(photo, move, frames)


def stability_of(
    nets: list[Painted], scenes: Scenes, report: Report, *, backend: str = "auto"
) -> dict[str, dict[str, float]]:
    """E_warp by scene, and in it by `INPUT` and `NET STYLE`. `report` is told of each scene when it is done.

    Every frame is painted in every style of every net; motion is found once. Raises BadInputError, BackendError.
    """
    found = {}
    for name, moments in scenes:
        found[name] = _errors_of_scene(nets, moments, backend)
        report(name, found[name])
    return found


def summary(errors: dict[str, dict[str, float]]) -> dict[str, float]:
    """The root of the mean square over scenes, for each column."""
    columns = next(iter(errors.values()))
    return {
        column: math.sqrt(float(np.nanmean([scene[column] ** 2 for scene in errors.values()]))) for column in columns
    }


def markdown(errors: dict[str, dict[str, float]]) -> str:
    """A table: each column of the results over all scenes, and over the unpainted input."""
    means = summary(errors)
    rows = [f"| {name} | {value:.4f} | {value / means[INPUT]:.2f} |" for name, value in means.items()]
    return "\n".join([f"| {len(errors)} scenes | E_warp | of the input's |", "|---|---|---|", *rows])


def _errors_of_scene(nets: list[Painted], moments: Iterator[Moment], backend: str) -> dict[str, float]:
    squares: dict[str, list[float]] = {}
    before: dict[str, NDArray[np.uint8]] = {}
    with contextlib.ExitStack() as stack:
        engines: list[Engine] = []
        for moment in moments:
            if not engines:
                size = moment.frame.shape[1], moment.frame.shape[0]
                engines = [stack.enter_context(one.open(size, backend)) for one in nets]
            for column, picture in _pictures(nets, engines, moment.frame):
                if moment.flow is not None and moment.mask is not None:
                    change = squared_change(before[column], picture, moment.flow, moment.mask)
                    squares.setdefault(column, []).append(change)
                before[column] = picture
    return {column: math.sqrt(float(np.nanmean(values))) for column, values in squares.items()}


def _pictures(
    nets: list[Painted], engines: list[Engine], frame: NDArray[np.uint8]
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    yield INPUT, frame
    for one, engine in zip(nets, engines, strict=True):
        for name, style in one.styles.items():
            yield f"{one.label} {name}", _paint(engine, frame, style)


def _paint(engine: Engine, frame: NDArray[np.uint8], style: Style) -> NDArray[np.uint8]:
    engine.submit(frame, style.vector)
    return engine.collect()
