"""Flicker of styles: the warping error of painted clips beside that of the clips themselves (Lai et al. 2018).

E_warp = sqrt(mean over frames of the mean of (O_t - W O_{t-1})^2 over pixels that both frames show), in 0..1. The
scenes are real clips, whose motion is estimated, and photos seen by a moving camera, whose motion is known.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.nets import StyledNet
from benchmarks.tables import compact_table
from engines.contract import Engine, Picture
from engines.errors import BadInputError
from engines.library import Style

__all__ = [
    "CAMERA_MOVES",
    "INPUT",
    "SceneFrame",
    "camera_scene",
    "clip_scene",
    "find_clips",
    "last_photos",
    "optical_flow",
    "scenes_of",
    "squared_change",
    "stability_of",
    "stability_table",
    "summary",
    "visible",
    "warped",
]

INPUT = "input"
"""What the unpainted frames are called among the results."""
_CLIPS = {".avi", ".mkv", ".mov", ".mp4", ".webm"}
_PHOTOS = {".jpeg", ".jpg", ".png", ".webp"}
_NOISE = 2.0
"""Standard deviation of a synthetic camera's noise, of 255."""
_FRAMES = 30
"""A camera's move is this long, at most."""
_VIEW = 0.7
"""The synthetic camera sees this much of a photo's width and height."""
Flow = NDArray[np.float32]
"""float32 `(h, w, 2)`: from each pixel (right, down) to where it is in another frame, in pixels."""
Mask = NDArray[np.bool_]
"""bool `(h, w)`."""


@dataclass(frozen=True, kw_only=True)
class SceneFrame:
    """A frame, and how it moved since the one before it."""

    picture: Picture
    """uint8 `(h, w, 3)` RGB."""
    flow: Flow | None
    """From this frame to the one before; None for the first."""
    mask: Mask | None
    """Pixels that were in view before."""


Scenes = Iterable[tuple[str, Iterator[SceneFrame]]]

Report = Callable[[str, dict[str, float]], None]


def stability_of(
    nets: list[StyledNet], scenes: Scenes, report: Report, *, backend: str = "auto"
) -> dict[str, dict[str, float]]:
    """E_warp by scene, and in it by `INPUT` and `NET STYLE`. `report` is told of each scene when it is done.

    Every frame is painted in every style of every net; motion is found once. Raises BadInputError, BackendError.
    """
    found = {}
    for name, frames in scenes:
        found[name] = _errors_of_scene(nets, frames, backend)
        report(name, found[name])
    return found


def _errors_of_scene(nets: list[StyledNet], frames: Iterator[SceneFrame], backend: str) -> dict[str, float]:
    squares: dict[str, list[float]] = {}
    before: dict[str, Picture] = {}
    with contextlib.ExitStack() as stack:
        engines: list[Engine] = []
        for frame in frames:
            if not engines:
                size = frame.picture.shape[1], frame.picture.shape[0]
                engines = [stack.enter_context(one.open(size, backend)) for one in nets]
            for column, picture in _pictures(nets, engines, frame.picture):
                if frame.flow is not None and frame.mask is not None:
                    change = squared_change(before[column], picture, frame.flow, frame.mask)
                    squares.setdefault(column, []).append(change)
                before[column] = picture
    return {column: math.sqrt(float(np.nanmean(values))) for column, values in squares.items()}


def _pictures(nets: list[StyledNet], engines: list[Engine], frame: Picture) -> Iterator[tuple[str, Picture]]:
    yield INPUT, frame
    for one, engine in zip(nets, engines, strict=True):
        for name, style in one.styles.items():
            yield f"{one.label} {name}", _paint(engine, frame, style)


def _paint(engine: Engine, frame: Picture, style: Style) -> Picture:
    engine.submit(frame, style.vector)
    return engine.collect()


def summary(errors: dict[str, dict[str, float]]) -> dict[str, float]:
    """The root of the mean square over scenes, for each column."""
    columns = next(iter(errors.values()))
    return {
        column: math.sqrt(float(np.nanmean([scene[column] ** 2 for scene in errors.values()]))) for column in columns
    }


def stability_table(errors: dict[str, dict[str, float]]) -> str:
    """A table: each column of the results over all scenes, and over the unpainted input."""
    means = summary(errors)
    rows = [(name, f"{value:.4f}", f"{value / means[INPUT]:.2f}") for name, value in means.items()]
    return compact_table((f"{len(errors)} scenes", "E_warp", "of the input's"), rows)


def find_clips(path: Path) -> list[Path]:
    """A video file itself, or those in a folder, sorted. Raises BadInputError for none."""
    found = [path] if path.is_file() else sorted(p for p in path.glob("*") if p.suffix.lower() in _CLIPS)
    if not found:
        raise BadInputError(f"expected a video file or a folder with some, got {path}")
    return found


def last_photos(folder: Path, count: int) -> list[tuple[str, Picture]]:
    """The last photos below a folder that can be read: name and uint8 `(h, w, 3)` RGB. Raises BadInputError."""
    found: list[tuple[str, Picture]] = []
    for path in sorted((p for p in folder.rglob("*") if p.suffix.lower() in _PHOTOS), reverse=True):
        if len(found) == count:
            break
        if (bgr := cv2.imread(str(path), cv2.IMREAD_COLOR)) is not None:
            found.append((path.stem, np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)))
    if not found:
        raise BadInputError(f"expected a folder with photos, {folder} has none that can be read")
    return found


def scenes_of(
    clips: list[Path], photos: list[tuple[str, Picture]], *, frames: int
) -> Iterator[tuple[str, Iterator[SceneFrame]]]:
    """All scenes by name: clips, then every camera move over every photo (name and uint8 `(h, w, 3)` RGB)."""
    for clip in clips:
        yield clip.stem, clip_scene(clip, frames)
    for name, photo in photos:
        for move in CAMERA_MOVES:
            yield f"{move} {name}", camera_scene(photo, move, frames)


def clip_scene(path: Path, frames: int) -> Iterator[SceneFrame]:
    """The first frames of a clip, with optical flow both ways. Raises BadInputError where it cannot be read."""
    before = None
    try:
        with av.open(str(path)) as container:
            for decoded in itertools.islice(container.decode(video=0), frames):
                frame = np.ascontiguousarray(decoded.to_ndarray(format="rgb24"))
                if before is None:
                    yield SceneFrame(picture=frame, flow=None, mask=None)
                else:
                    back, there = optical_flow(frame, before), optical_flow(before, frame)
                    yield SceneFrame(picture=frame, flow=back, mask=visible(back, there))
                before = frame
    except (av.FFmpegError, IndexError) as error:
        raise BadInputError(f"expected a video file, {path} cannot be read as one: {error}") from error


def camera_scene(photo: Picture, move: str, frames: int, seed: int = 0) -> Iterator[SceneFrame]:
    """A photo seen by a noisy camera that makes one of CAMERA_MOVES: the flow is exact. photo: uint8 `(h, w, 3)`."""
    height, width = photo.shape[:2]
    size = max(16, round(width * _VIEW)), max(16, round(height * _VIEW))
    rng = np.random.default_rng(seed)
    before = None
    for number in range(min(frames, _FRAMES)):
        view = _centred(CAMERA_MOVES[move](number / (_FRAMES - 1)), size, (width, height))
        sharp = cv2.warpAffine(photo, view[:2], size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        noisy = sharp + rng.normal(0, _NOISE, sharp.shape)
        frame = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        if before is None:
            yield SceneFrame(picture=frame, flow=None, mask=None)
        else:
            flow = _affine_flow(np.linalg.inv(before) @ view, size)
            yield SceneFrame(
                picture=frame, flow=flow, mask=visible(flow, _affine_flow(np.linalg.inv(view) @ before, size))
            )
        before = view


def _still(_: float) -> NDArray[np.float64]:
    return np.eye(3)


def _pan(time: float) -> NDArray[np.float64]:
    """From left to right and a little down, by a share of the view."""
    return np.array([[1, 0, 0.3 * (time - 0.5)], [0, 1, 0.1 * (time - 0.5)], [0, 0, 1]])


def _zoom(time: float) -> NDArray[np.float64]:
    """Nearer by a quarter, with a slight turn."""
    angle, scale = 0.06 * (time - 0.5), 1.1 - 0.25 * time
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


CAMERA_MOVES: dict[str, Callable[[float], NDArray[np.float64]]] = {"pan": _pan, "still": _still, "zoom": _zoom}
"""Name to where the camera looks, by time from 0 to 1: a 3x3 matrix about the view's centre, shifts in view sizes."""


def _centred(move: NDArray[np.float64], view: tuple[int, int], photo: tuple[int, int]) -> NDArray[np.float64]:
    """The matrix from view pixels to photo pixels. view, photo: (width, height)."""
    shares = np.diag([view[0], view[1], 1.0])
    move = move.copy()
    move[:2, 2] = (shares @ move)[:2, 2]
    to_centre, from_centre = np.eye(3), np.eye(3)
    to_centre[:2, 2] = [-(view[0] - 1) / 2, -(view[1] - 1) / 2]
    from_centre[:2, 2] = [(photo[0] - 1) / 2, (photo[1] - 1) / 2]
    matrix: NDArray[np.float64] = from_centre @ move @ to_centre
    return matrix


def _affine_flow(matrix: NDArray[np.float64], size: tuple[int, int]) -> Flow:
    columns, rows = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    points = np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ matrix[:2].T
    return np.asarray(points - np.stack([columns, rows], axis=-1), np.float32)


def optical_flow(source: Picture, target: Picture) -> Flow:
    """Where each pixel of `source` is in `target`, both uint8 `(h, w, 3)` RGB (DIS, Kroeger et al. 2016)."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (source, target)]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(grey[0], grey[1], None)  # type: ignore[call-overload]
    return np.asarray(flow, np.float32)


def visible(there: Flow, back: Flow) -> Mask:
    """Pixels that a frame shares with another: going there along `there` and back along `back` ends where it began.

    The bounds, and the removal of motion boundaries, are those of Sundaram et al. 2010, eq. 5 and 6.
    """
    back_there = warped(back, there)
    round_trip = np.square(there + back_there).sum(-1)
    lengths = np.square(there).sum(-1) + np.square(back_there).sum(-1)
    gradients = sum(np.square(g).sum(-1) for g in np.gradient(there, axis=(0, 1)))
    boundary = gradients > 0.01 * np.square(there).sum(-1) + 0.002
    mask: Mask = (round_trip < 0.01 * lengths + 0.5) & ~boundary & _inside(there)
    return mask


def warped(values: NDArray[np.generic], flow: Flow) -> NDArray[np.float32]:
    """`values` `(h, w, c)` of another frame, fetched for each pixel from where `flow` says it is there (bilinear)."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    at = cv2.remap(
        values.astype(np.float32),
        columns + flow[..., 0],
        rows + flow[..., 1],
        cv2.INTER_LINEAR,
        None,
        cv2.BORDER_REPLICATE,
    )
    return np.asarray(at, np.float32)


def squared_change(before: Picture, now: Picture, flow: Flow, mask: Mask) -> float:
    """Mean squared difference, in 0..1, of a frame and the one before it moved along the scene, where `mask` is true.

    before, now: uint8 `(h, w, 3)`. flow: from `now` to `before`. NaN where the mask is empty.
    """
    change = (now.astype(np.float32) - warped(before, flow))[mask] / 255
    return float(np.square(change).mean()) if change.size else float("nan")


def _inside(flow: Flow) -> Mask:
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    mask: Mask = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return mask
