from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.backends import open_engine
from engines.contract import EngineOptions, Picture, StyleVector
from engines.errors import BackendError, BadInputError
from engines.net_file import NetFile, NetSpec
from engines.styles import resolve_style
from engines.tiling import tiled_net
from realtime.pictures.paint import TiledPipeline, smallest_tile, tile_grid
from tests.engines.tiled_nets import affine_net, normalising_net, sharpening_net


@settings(max_examples=200, deadline=None)
@given(
    width=st.integers(16, 900),
    height=st.integers(16, 900),
    margin=st.integers(0, 60),
    unit=st.sampled_from([1, 2, 4, 8]),
    spare=st.integers(0, 300),
)
def test_cores_cover_the_picture_once_and_keep_their_margin(
    width: int, height: int, margin: int, unit: int, spare: int
) -> None:
    net = NetSpec(name="any", kind="style", margin=margin, size_multiple=unit)
    side = smallest_tile(net) + spare
    grid = tile_grid((width, height), side, net)
    padded_width, padded_height = grid.padded
    assert (padded_width % unit, padded_height % unit) == (0, 0)
    assert padded_width - width < unit
    assert max(grid.size) <= max(side, unit * -(-16 // unit))
    covered = np.zeros((padded_height, padded_width), np.int8)
    for tile in grid.tiles:
        left, top, right, bottom = tile.core
        covered[top:bottom, left:right] += 1
        ends = (tile.left, tile.top, tile.left + grid.size[0], tile.top + grid.size[1])
        assert all(number % unit == 0 for number in (*tile.core, *ends))
        for end, core, edge in zip(ends, tile.core, (0, 0, padded_width, padded_height), strict=True):
            assert abs(end - core) >= margin or end == core == edge
        assert ends[0] >= 0
        assert ends[1] >= 0
        assert ends[2] <= padded_width
        assert ends[3] <= padded_height
    assert (covered == 1).all()


def test_tiles_without_a_core_are_refused() -> None:
    net = NetSpec(name="far", kind="style", margin=48, size_multiple=4)
    with pytest.raises(BadInputError, match="net far are at least 100 pixels"):
        tile_grid((500, 500), 99, net)


F32 = EngineOptions(precision="f32")


def _uneven(width: int, height: int) -> Picture:
    """Dark and smooth on one side, bright and rough on the other: no tile is like the whole."""
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    rough = cv2.resize(rng.integers(0, 256, (height // 2, width // 2, 3), np.uint8), (width, height))
    share = np.linspace(0, 1, width)[None, :, None] ** 2
    return np.asarray(smooth * (1 - share) * 0.5 + rough * share, np.uint8)


def _whole(net: NetFile, frame: Picture, style: StyleVector | None, backend: str, options: EngineOptions) -> Picture:
    with open_engine(net, (frame.shape[1], frame.shape[0]), backend=backend, options=options) as engine:
        engine.submit(frame, style)
        return engine.collect()


def _tiled(
    net: NetFile, frame: Picture, style: StyleVector | None, *, side: int, backend: str, options: EngineOptions
) -> Picture:
    size = (frame.shape[1], frame.shape[0])
    with TiledPipeline(tiled_net(net), size, side=side, backend=backend, options=options) as pipeline:
        assert len(pipeline.grid.tiles) > 3
        return pipeline.paint(frame, style)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_tiles_of_a_shipped_style_are_the_whole_picture(backend: str) -> None:
    chosen, frame = resolve_style("udnie"), _uneven(403, 262)
    whole = _whole(chosen.net, frame, chosen.vector, backend, F32)
    tiled = _tiled(chosen.net, frame, chosen.vector, side=224, backend=backend, options=F32)
    assert np.abs(whole.astype(np.int16) - tiled).max() <= 1


def test_tiles_in_bf16_are_as_near_as_bf16_is() -> None:
    chosen, frame, options = resolve_style("udnie"), _uneven(403, 262), EngineOptions(precision="bf16")
    try:
        whole = _whole(chosen.net, frame, chosen.vector, "openvino", options)
    except BackendError as error:
        pytest.skip(str(error))
    tiled = _tiled(chosen.net, frame, chosen.vector, side=224, backend="openvino", options=options)
    error = np.mean((whole.astype(np.float64) - tiled) ** 2)
    assert 10 * np.log10(255**2 / error) > 40


def test_tiles_are_painted_in_float_where_the_net_alone_would_run_in_8_bits() -> None:
    chosen, frame = resolve_style("udnie"), _uneven(403, 262)
    assert chosen.net.spec.int8_scales
    size = (frame.shape[1], frame.shape[0])
    with TiledPipeline(tiled_net(chosen.net), size, side=224, backend="openvino") as pipeline:
        assert pipeline.engine.spec.precision in ("bf16", "f32")
        tiled = pipeline.paint(frame, chosen.vector)
    assert cv2.PSNR(_whole(chosen.net, frame, chosen.vector, "openvino", F32), tiled) > 40
    with pytest.raises(BackendError, match="tiles are painted in bf16 or f32, got int8"):
        TiledPipeline(tiled_net(chosen.net), size, side=224, options=EngineOptions(precision="int8"))


@pytest.mark.parametrize("size", [(101, 67), (64, 128)])
def test_affine_normalisation_and_padded_sizes_are_the_whole_picture(size: tuple[int, int]) -> None:
    net, frame = affine_net(), _uneven(*size)
    whole = _whole(net, frame, None, "openvino", F32)
    assert whole.std() > 20  # a flat picture would prove nothing
    tiled = _tiled(net, frame, None, side=40, backend="openvino", options=F32)
    assert np.abs(whole.astype(np.int16) - tiled).max() <= 1


def test_statistics_are_those_of_the_whole_picture_and_not_of_a_tile() -> None:
    frame = np.zeros((40, 80, 3), np.uint8)
    frame[:, 40:] = 200
    tiled = _tiled(normalising_net(), frame, None, side=20, backend="openvino", options=F32)
    assert np.abs(tiled[:, :40].astype(np.int16) - 78).max() <= 1  # one deviation below the mean
    assert np.abs(tiled[:, 40:].astype(np.int16) - 178).max() <= 1


def test_an_upscaler_is_painted_in_tiles_at_once() -> None:
    net, frame = sharpening_net(scale=3), _uneven(90, 71)
    steps: list[tuple[int, int]] = []
    with TiledPipeline(
        tiled_net(net), (90, 71), side=40, options=F32, progress=lambda *step: steps.append(step)
    ) as pipeline:
        tiled = pipeline.paint(frame, None)
        tiles = len(pipeline.grid.tiles)
    assert tiled.shape == (213, 270, 3)
    assert np.array_equal(tiled, _whole(net, frame, None, "openvino", F32))
    assert steps == [(step, tiles) for step in range(1, tiles + 1)]


def test_progress_counts_the_measuring_too() -> None:
    frame, steps = _uneven(80, 60), []
    net = tiled_net(affine_net())
    with TiledPipeline(net, (80, 60), side=40, options=F32, progress=lambda *step: steps.append(step)) as pipeline:
        pipeline.paint(frame, None)
        total = 3 * len(pipeline.grid.tiles)
    assert steps == [(step, total) for step in range(1, total + 1)]
