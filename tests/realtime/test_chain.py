from __future__ import annotations

import cv2
import numpy as np
import pytest

from engines.contract import EngineOptions, Picture
from engines.errors import BadInputError
from engines.net_file import NetFile
from realtime.pipeline import open_pipeline
from realtime.pipeline import Pipeline, StyleParams
from tests.engines.nets import identity_net, tint_net, vector

_SIZE = (24, 18)


def _frame(seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 120, (18, 24, 3), np.uint8)


def _made(upscaler: NetFile | None, frames: list[Picture], treatment: StyleParams) -> list[Picture]:
    """What comes out, with as many in flight as there may be."""
    made = []
    with open_pipeline(tint_net(), upscaler, _SIZE, options=EngineOptions(precision="f32")) as painter:
        for frame in frames:
            painter.submit(frame, treatment)
            if painter.in_flight == painter.depth:
                made.append(painter.collect())
        while painter.in_flight:
            made.append(painter.collect())
    return made


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_frames_are_painted_and_then_enlarged_in_order(scale: int) -> None:
    frames = [_frame(seed) for seed in range(5)]
    made = _made(identity_net(scale=scale), frames, StyleParams(vector=vector(20, 0, 0)))
    assert len(made) == 5
    for frame, picture in zip(frames, made, strict=True):
        expected = (frame + np.array([20, 0, 0])).repeat(scale, 0).repeat(scale, 1)
        assert np.array_equal(picture, expected)


@pytest.mark.parametrize("options", [{"strength": 0.5}, {"keep_colors": True}])
def test_what_is_enlarged_is_the_mix(options: dict[str, float | bool]) -> None:
    treatment = StyleParams(vector=vector(100, 50, 0), **options)  # type: ignore[arg-type]
    frames = [_frame()]
    small, large = _made(None, frames, treatment)[0], _made(identity_net(scale=2), frames, treatment)[0]
    full = _made(None, frames, StyleParams(vector=vector(100, 50, 0)))[0]
    assert np.array_equal(large, cv2.resize(small, (48, 36), interpolation=cv2.INTER_NEAREST))
    assert not np.array_equal(small, full)


def test_it_says_what_goes_in_and_what_comes_out() -> None:
    with open_pipeline(tint_net(), identity_net(scale=3), _SIZE) as painter:
        assert (painter.size, painter.output_size) == ((24, 18), (72, 54))
        assert [spec.net.kind for spec in painter.specs] == ["style", "upscale"]
        assert painter.depth == 2


def test_the_engines_are_closed_at_the_end() -> None:
    def submitted(painter: Pipeline, red: float) -> None:
        painter.submit(_frame(), StyleParams(vector=vector(red, 0, 0)))

    with open_pipeline(tint_net(), identity_net(scale=2), _SIZE) as painter:
        submitted(painter, 0)
    with pytest.raises(RuntimeError, match="closed"):
        submitted(painter, 1)


@pytest.mark.parametrize(
    ("net", "upscaler"), [(identity_net(scale=2), identity_net(scale=2)), (tint_net(), tint_net())]
)
def test_nets_in_another_order_are_refused(net: NetFile, upscaler: NetFile) -> None:
    with pytest.raises(BadInputError, match="paints comes first"), open_pipeline(net, upscaler, _SIZE):
        pass
