from __future__ import annotations

import numpy as np
import pytest
from engines.tiling import NotTileableError
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import backends
from engines.contract import Engine, EngineOptions, Picture
from engines.errors import BadInputError
from engines.net_file import NetFile
from realtime.pictures import paint
from realtime.pictures.paint import PictureStage
from realtime.pipeline import StyleParams
from tests.engines.nets import identity_net, tint_net, vector
from tests.engines.tiled_nets import affine_net, global_net, normalising_net, sharpening_net

F32 = EngineOptions(precision="f32")


def _picture(width: int, height: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The sizes of all engines that the painter opens."""
    sizes = []

    def counted(net: NetFile, size: tuple[int, int], *, backend: str, options: EngineOptions) -> Engine:
        sizes.append(size)
        return backends.open_engine(net, size, backend=backend, options=options)

    monkeypatch.setattr(paint, "open_engine", counted)
    return sizes


@settings(max_examples=12, deadline=None)
@given(width=st.integers(1, 40), height=st.integers(1, 40), scale=st.sampled_from([1, 2]))
def test_any_size_is_painted_tiny_ones_too(width: int, height: int, scale: int) -> None:
    frame = _picture(width, height)
    with PictureStage(identity_net(scale=scale), StyleParams(), options=F32) as painter:
        painted = painter.paint(frame)
    assert np.array_equal(painted, frame.repeat(scale, 0).repeat(scale, 1))


def test_the_engine_is_kept_for_pictures_of_one_size(opened: list[tuple[int, int]]) -> None:
    with PictureStage(tint_net(), StyleParams(vector=vector(10, 0, 0)), options=F32) as painter:
        for width in (20, 20, 30, 30, 20):
            painter.paint(_picture(width, 16))
    assert opened == [(20, 16), (30, 16), (20, 16)]


def test_a_forced_tile_paints_what_the_whole_would_be() -> None:
    frame = _picture(190, 130)
    painted = []
    for tile in (0, 128):
        with PictureStage(affine_net(), StyleParams(), options=F32, tile=tile) as painter:
            painted.append(painter.paint(frame))
            assert painter.spec is not None
            assert (painter.spec.size == (190, 130)) is (tile == 0)
    assert np.abs(painted[0].astype(np.int16) - painted[1]).max() <= 1


def test_strength_works_on_tiles() -> None:
    frame = _picture(60, 50)
    half = StyleParams(vector=vector(100, 0, 0), strength=0.5)
    with PictureStage(tint_net(), half, options=F32, tile=32) as painter:
        painted = painter.paint(frame // 2)
    expected = frame // 2 + np.array([50, 0, 0])
    assert np.abs(painted - expected).max() <= 1


def test_large_pictures_are_tiled_where_statistics_need_not_be_measured_sooner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paint, "TILE_SIDE", 40)
    monkeypatch.setattr(paint, "WHOLE_UP_TO", 100 * 100)
    for net, size, tiled in (
        (normalising_net(), (100, 100), False),
        (normalising_net(), (101, 100), True),
        (sharpening_net(scale=2), (40, 40), False),
        (sharpening_net(scale=2), (41, 40), True),
    ):
        with PictureStage(net, StyleParams(), options=F32) as painter:
            painter.paint(_picture(*size))
            assert painter.spec is not None
            assert (painter.spec.size != size) is tiled


def test_a_large_picture_with_a_net_that_cannot_be_tiled_is_announced_and_painted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paint, "TILE_SIDE", 32)
    monkeypatch.setattr(paint, "WHOLE_UP_TO", 32 * 32)
    notices: list[str] = []
    with PictureStage(global_net(), StyleParams(), options=F32, notice=notices.append) as painter:
        assert painter.paint(_picture(50, 40)).shape == (40, 50, 3)
    assert len(notices) == 1
    assert "GlobalAveragePool" in notices[0]
    assert "painted at once" in notices[0]


def test_tiles_that_are_asked_for_and_cannot_be_are_an_error() -> None:
    with pytest.raises(NotTileableError, match="GlobalAveragePool"):
        PictureStage(global_net(), StyleParams(), tile=64)
    with pytest.raises(BadInputError, match="at least 18 pixels wide, got 17"):
        PictureStage(affine_net(), StyleParams(), tile=17)
    with pytest.raises(BadInputError, match="got -5"):
        PictureStage(affine_net(), StyleParams(), tile=-5)


def test_strength_is_not_for_upscalers() -> None:
    with pytest.raises(BadInputError, match="for nets that paint"):
        PictureStage(identity_net(scale=2), StyleParams(strength=0.5))
