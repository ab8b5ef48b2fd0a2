from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from benchmarks.nets import styled_nets
from benchmarks.stability import (
    CAMERA_MOVES,
    INPUT,
    SceneFrame,
    camera_scene,
    clip_scene,
    find_clips,
    last_photos,
    optical_flow,
    scenes_of,
    squared_change,
    stability_of,
    stability_table,
    summary,
    visible,
    warped,
)
from engines.errors import BadInputError
from engines.library import shipped_folder
from tests.engines.nets import add_net, tint_net
from tests.rtstyle.command import refused, run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 256, (10, 12, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(noise, (96, 80), interpolation=cv2.INTER_CUBIC))
    (folder / "9.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
        noise = np.random.default_rng(3).integers(0, 256, (12, 16, 3), np.uint8)
        wide = cv2.resize(noise, (140, 80), interpolation=cv2.INTER_CUBIC)
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(wide[:, 2 * number : 2 * number + 96]), format="rgb24"
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_clip_moves_as_it_was_made_to(clip: Path) -> None:
    frames = list(clip_scene(clip, 4))
    assert len(frames) == 4
    assert frames[0].flow is None
    assert frames[2].flow is not None
    assert np.allclose(np.median(frames[2].flow, axis=(0, 1)), [2, 0], atol=0.2)


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no video")
    with pytest.raises(BadInputError, match="expected a video file"):
        list(clip_scene(tmp_path / "x.mp4", 3))
    with pytest.raises(BadInputError, match="or a folder with some"):
        find_clips(tmp_path / "nowhere")


def test_every_net_and_style_is_measured_beside_the_input(clip: Path, photos: Path) -> None:
    (shipped,) = styled_nets("fast", ["udnie", "wave"])
    (by_file,) = styled_nets(str(shipped_folder() / "fast.onnx"), ["udnie"])
    told: list[str] = []
    scenes = scenes_of([clip], last_photos(photos, 1), frames=3)
    found = stability_of([shipped, by_file], scenes, lambda name, _: told.append(name))
    assert told == list(found) == ["clip", "pan 1", "still 1", "zoom 1"]
    for errors in found.values():
        assert list(errors) == [INPUT, "fast udnie", "fast wave", f"{by_file.label} udnie"]
        assert all(0 < value < 1 for value in errors.values())
        assert errors["fast udnie"] == errors[f"{by_file.label} udnie"]
    assert "| fast wave |" in stability_table(found)


def test_the_summary_is_the_root_mean_square_over_scenes() -> None:
    assert summary({"a": {"x": 3.0}, "b": {"x": 4.0}}) == {"x": math.sqrt(12.5)}


def test_unknown_styles_and_nets_without_styles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="did you mean udnie"):
        styled_nets("fast", ["udnei"])
    with pytest.raises(BadInputError, match="has no styles"):
        styled_nets(str(add_net(tmp_path, tint_net())))


def test_the_command_prints_figures_with_the_machine(photos: Path) -> None:
    done = run(
        "bench", "stability", "--content", photos, "--photos", "1", "--frames", "3", "--style", "udnie", "--json"
    )
    figures = json.loads(done.stdout)
    assert set(figures["mean"]) == {"input", "fast udnie"}
    assert figures["machine"]["cores"]
    assert "expected --clips" in refused("bench", "stability")


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
    frames = _scene(move)
    for before, now in itertools.pairwise(frames):
        assert now.flow is not None
        assert now.mask is not None
        along = squared_change(before.picture, now.picture, now.flow, now.mask)
        assert np.sqrt(along) < 0.03
        still = squared_change(before.picture, now.picture, np.zeros_like(now.flow), now.mask)
        assert still > 3 * along if move != "still" else still == along


def test_estimated_flow_agrees_with_the_exact_one() -> None:
    before, now = _scene("pan")[1:3]
    assert now.flow is not None
    difference = np.linalg.norm(optical_flow(now.picture, before.picture) - now.flow, axis=-1)[now.mask]
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
