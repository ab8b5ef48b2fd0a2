"""Moving pictures with known or estimated motion: real clips, and photos seen by a moving camera."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.warping import Flow, Mask, optical_flow, visible
from engines.errors import BadInputError

__all__ = ["CAMERA_MOVES", "Moment", "camera_scene", "clip_scene"]

_NOISE = 2.0
"""Standard deviation of a synthetic camera's noise, of 255."""
_FRAMES = 30
"""A camera's move is this long, at most."""
_VIEW = 0.7
"""The synthetic camera sees this much of a photo's width and height."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A frame, and how it hangs together with the one before it."""

    frame: NDArray[np.uint8]
    """uint8 `(h, w, 3)` RGB."""
    flow: Flow | None
    """From this frame to the one before; None for the first."""
    mask: Mask | None
    """Pixels that were in view before."""


def clip_scene(path: Path, frames: int) -> Iterator[Moment]:
    """The first frames of a clip, with optical flow both ways. Raises BadInputError where it cannot be read."""
    before = None
    try:
        with av.open(str(path)) as container:
            for decoded in itertools.islice(container.decode(video=0), frames):
                frame = np.ascontiguousarray(decoded.to_ndarray(format="rgb24"))
                if before is None:
                    yield Moment(frame=frame, flow=None, mask=None)
                else:
                    back, there = optical_flow(frame, before), optical_flow(before, frame)
                    yield Moment(frame=frame, flow=back, mask=visible(back, there))
                before = frame
    except (av.FFmpegError, IndexError) as error:
        raise BadInputError(f"expected a video file, {path} cannot be read as one: {error}") from error


def camera_scene(photo: NDArray[np.uint8], move: str, frames: int, seed: int = 0) -> Iterator[Moment]:
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
            yield Moment(frame=frame, flow=None, mask=None)
        else:
            flow = _affine_flow(np.linalg.inv(before) @ view, size)
            yield Moment(frame=frame, flow=flow, mask=visible(flow, _affine_flow(np.linalg.inv(view) @ before, size)))
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
