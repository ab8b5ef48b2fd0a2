"""How much a picture changes along the motion of the scene: the measure of flicker (Lai et al. 2018, section 4)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Flow", "Mask", "optical_flow", "squared_change", "visible", "warped"]

Flow = NDArray[np.float32]
"""float32 `(h, w, 2)`: from each pixel (right, down) to where it is in another frame, in pixels."""
Mask = NDArray[np.bool_]
"""bool `(h, w)`."""


def optical_flow(source: NDArray[np.uint8], target: NDArray[np.uint8]) -> Flow:
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


def squared_change(before: NDArray[np.uint8], now: NDArray[np.uint8], flow: Flow, mask: Mask) -> float:
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
