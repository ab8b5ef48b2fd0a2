from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from benchmarks.stability import CAMERA_MOVES, SceneFrame, camera_scene, optical_flow, squared_change, visible, warped


def _photo() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    return cv2.resize(noise, (240, 180), interpolation=cv2.INTER_CUBIC)


def _scene(move: str, frames: int = 4) -> list[SceneFrame]:
    return list(camera_scene(_photo(), move, frames))


def test_a_shifted_picture_is_fetched_back_along_the_flow() -> None:
    before = _photo()
    now = np.roll(before, (3, -5), axis=(0, 1))  # a pixel of `now` was 3 rows above and 5 columns to the right
    flow = np.broadcast_to(np.float32([5, -3]), (180, 240, 2))
    inner = np.zeros((180, 240), bool)
    inner[10:-10, 10:-10] = True
    assert np.array_equal(warped(before, flow)[inner], now[inner])
    assert squared_change(before, now, flow, inner) == 0
    assert squared_change(before, now, -flow, inner) > 0.01


def test_the_change_is_measured_in_0_to_1_where_the_mask_is_true() -> None:
    before, now = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 51, np.uint8)
    now[:4] = 0
    flow, mask = np.zeros((8, 8, 2), np.float32), np.ones((8, 8), bool)
    assert squared_change(before, now, flow, mask) == pytest.approx(0.2**2 / 2)
    mask[:4] = False
    assert squared_change(before, now, flow, mask) == pytest.approx(0.2**2)
    assert np.isnan(squared_change(before, now, flow, np.zeros((8, 8), bool)))


@pytest.mark.parametrize("move", sorted(CAMERA_MOVES))
def test_the_flow_of_a_synthetic_camera_is_exact(move: str) -> None:
    """Along it a frame differs from the one before by noise and resampling alone; without it by far more."""
    moments = _scene(move)
    for before, now in itertools.pairwise(moments):
        assert now.flow is not None
        assert now.mask is not None
        along = squared_change(before.frame, now.frame, now.flow, now.mask)
        assert np.sqrt(along) < 0.03
        still = squared_change(before.frame, now.frame, np.zeros_like(now.flow), now.mask)
        assert still > 3 * along if move != "still" else still == along


def test_estimated_flow_agrees_with_the_exact_one() -> None:
    before, now = _scene("pan")[1:3]
    assert now.flow is not None
    difference = np.linalg.norm(optical_flow(now.frame, before.frame) - now.flow, axis=-1)[now.mask]
    assert float(np.linalg.norm(now.flow, axis=-1).mean()) > 1
    assert float(np.median(difference)) < 0.2


def test_what_was_hidden_before_is_not_counted() -> None:
    """A square moves right by 8 pixels over a still ground: the ground that it uncovers was not to be seen before."""
    there, back = np.zeros((60, 80, 2), np.float32), np.zeros((60, 80, 2), np.float32)
    there[20:40, 30:50, 0] = 8  # of the frame before, where the square begins
    back[20:40, 38:58, 0] = -8  # of this frame, where it is now
    mask = visible(back, there)
    assert not mask[22:38, 31:36].any()  # uncovered
    assert mask[25:35, 42:54].all()  # the square itself
    assert mask[:15].all()


def test_what_comes_in_from_outside_is_not_counted() -> None:
    flow = np.zeros((40, 40, 2), np.float32)
    flow[..., 0] = 6  # everything moved left
    mask = visible(flow, -flow)
    assert not mask[:, 35:].any()
    assert mask[:, 5:30].all()
