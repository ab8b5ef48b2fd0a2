from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.contract import EngineOptions, EngineSpec, Picture, StyleVector
from engines.errors import BadInputError
from engines.library import Library
from engines.net_file import NetFile, NetSpec
from realtime.pipeline import Pipeline, ResolvedPipeline, StyleParams, mix, open_pipeline, resolve
from realtime.user_options import StyleOptions
from rtstyle.commands.options import error_text
from tests.engines.nets import add_net, add_style, identity_net, tint_net, vector


@pytest.fixture
def library(tmp_path: Path) -> Library:
    net = tint_net(name="fast")
    add_net(tmp_path, net)
    add_style(tmp_path, net, "udnie", vector(1, 2, 3))
    add_net(tmp_path, identity_net(name="sr2-perceptual", scale=2))
    add_net(tmp_path, identity_net(name="sr4-fidelity", scale=4))
    return Library(tmp_path)


def test_a_style_alone_paints_in_the_same_size(library: Library) -> None:
    found = resolve(StyleOptions(style="udnie", strength=0.5, keep_colors=True), library=library)
    assert (found.net.spec.name, found.upscaler, found.scale) == ("fast", None, 1)
    assert (found.params.strength, found.params.keep_colors) == (0.5, True)
    assert np.array_equal(found.params.vector, vector(1, 2, 3))  # type: ignore[arg-type]


def test_sr_alone_only_enlarges(library: Library) -> None:
    found = resolve(StyleOptions(sr=4, sr_mode="fidelity"), library=library)
    assert (found.net.spec.name, found.upscaler, found.style, found.scale) == ("sr4-fidelity", None, None, 4)
    assert found.params.vector is None


def test_sr_after_a_style_does_both_and_the_net_is_that_of_the_style(library: Library) -> None:
    found = resolve(StyleOptions(style="udnie", net="fast", strength=0.3, sr=2), library=library)
    assert found.upscaler is not None
    assert (found.net.spec.name, found.upscaler.spec.name, found.scale) == ("fast", "sr2-perceptual", 2)
    assert found.params.strength == 0.3


def test_the_default_style_is_painted_where_painting_is_what_is_asked_for(library: Library) -> None:
    found = resolve(StyleOptions(sr=2, strength=0.5), always_paint=True, library=library)
    assert found.style is not None
    assert (found.style.label, found.scale) == ("udnie", 2)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"sr": 2, "strength": 0.5}, "--strength is for painting"),
        ({"sr": 2, "keep_colors": True}, "--keep-colors is for painting"),
        ({"sr": 2, "net": "fast"}, "--net is for painting"),
        ({"sr_mode": "fidelity"}, "say with --sr how much"),
        ({"style": "udnie", "sr_mode": "fidelity"}, "say with --sr how much"),
        ({"style": "udnie", "sr": 3}, r"enlarges 3 times \(perceptual\); there are: 2 \(perceptual\), 4 \(fidelity\)"),
        ({"sr": 2, "sr_mode": "pretty"}, "one of fidelity, perceptual"),
    ],
)
def test_what_would_have_no_effect_or_is_not_there_is_refused_in_one_line(
    library: Library, asked: dict[str, Any], text: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        resolve(StyleOptions(**asked), library=library)
    assert re.search(text, error_text(caught.value))
    assert "\n" not in error_text(caught.value)


_RNG = np.random.default_rng(0)
_FRAME = cv2.GaussianBlur(_RNG.integers(0, 256, (48, 64, 3), np.uint8), (0, 0), 3)
_PAINTED = cv2.GaussianBlur(_RNG.integers(0, 256, (48, 64, 3), np.uint8), (0, 0), 2)


def test_full_strength_is_the_painting() -> None:
    assert np.array_equal(mix(_FRAME, _PAINTED.copy(), StyleParams()), _PAINTED)


def test_no_strength_is_the_frame() -> None:
    assert np.array_equal(mix(_FRAME, _PAINTED.copy(), StyleParams(strength=0)), _FRAME)


def test_half_strength_is_the_mean() -> None:
    mixed = mix(_FRAME, _PAINTED.copy(), StyleParams(strength=0.5)).astype(float)
    assert np.abs(mixed - (_FRAME.astype(float) + _PAINTED) / 2).max() <= 1


def test_kept_colors_take_brightness_from_the_painting_and_chroma_from_the_frame() -> None:
    mixed = cv2.cvtColor(mix(_FRAME, _PAINTED.copy(), StyleParams(keep_colors=True)), cv2.COLOR_RGB2YCrCb).astype(int)
    assert np.abs(mixed[..., 0] - cv2.cvtColor(_PAINTED, cv2.COLOR_RGB2YCrCb)[..., 0]).mean() < 2
    assert np.abs(mixed[..., 1:] - cv2.cvtColor(_FRAME, cv2.COLOR_RGB2YCrCb)[..., 1:]).mean() < 2


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_outside_0_to_1_is_refused(strength: float) -> None:
    with pytest.raises(BadInputError, match="strength is 0 to 1"):
        StyleParams(strength=strength)


class _CountingEngine:
    """Doubles what goes in, and counts."""

    def __init__(self) -> None:
        self.painted = 0
        self.depth = 4
        self.spec = EngineSpec(
            net=NetSpec(name="doubles", kind="style"), size=(32, 64), backend="none", device="", precision="f32"
        )
        self._frames: list[Picture] = []

    def submit(self, frame: Picture, style: StyleVector | None = None) -> None:  # noqa: ARG002 (the contract's)
        self._frames.append(frame.copy())

    def collect(self, out: Picture | None = None) -> Picture:  # noqa: ARG002
        self.painted += 1
        return np.asarray(self._frames.pop(0) * 2, np.uint8)

    def close(self) -> None: ...

    def __enter__(self) -> _CountingEngine:
        return self

    def __exit__(self, *_: object) -> None: ...


def _gray(level: int) -> Picture:
    return np.full((64, 32, 3), level, np.uint8)


def test_a_frame_that_is_repeated_is_painted_once_and_every_picture_is_the_callers_own() -> None:
    engine = _CountingEngine()
    painter = Pipeline(engine)
    pictures = []
    for level in (1, 1, 1, 2, 1, 1):
        painter.submit(_gray(level), StyleParams())
        if painter.in_flight == 3:
            pictures.append(painter.collect())
            pictures[-1][0, 0] += 100  # as a caller may
    pictures += [painter.collect() for _ in range(painter.in_flight)]
    assert [int(picture[1, 1, 1]) for picture in pictures] == [2, 2, 2, 4, 2, 2]
    assert [int(picture[0, 0, 0]) for picture in pictures] == [102, 102, 102, 104, 2, 2]
    assert engine.painted == 3


def test_a_frame_that_differs_in_one_pixel_or_is_painted_otherwise_is_painted() -> None:
    engine = _CountingEngine()
    painter = Pipeline(engine)
    other = _gray(1)
    other[33, 5, 2] = 9
    for frame, strength in ((_gray(1), 1.0), (other, 1.0), (other, 0.5)):
        painter.submit(frame, StyleParams(strength=strength))
    assert [int(painter.collect()[33, 5, 2]) for _ in range(3)] == [2, 18, 14]
    assert engine.painted == 3


def test_a_frame_that_came_when_nothing_was_in_flight_is_painted() -> None:
    engine = _CountingEngine()
    painter = Pipeline(engine)
    buffer = _gray(1)
    for level in (1, 2):  # the caller may use one buffer for all frames
        buffer[:] = level
        painter.submit(buffer, StyleParams())
        assert painter.collect()[0, 0, 0] == 2 * level


_SIZE = (24, 18)


def _small_frame(seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 120, (18, 24, 3), np.uint8)


def _painted_and_enlarged(scale: int) -> ResolvedPipeline:
    return ResolvedPipeline(net=tint_net(), upscaler=identity_net(scale=scale))


def _made(upscaler: NetFile | None, frames: list[Picture], params: StyleParams) -> list[Picture]:
    """What comes out, with as many in flight as there may be."""
    made = []
    with open_pipeline(
        ResolvedPipeline(net=tint_net(), upscaler=upscaler), _SIZE, options=EngineOptions(precision="f32")
    ) as painter:
        for frame in frames:
            painter.submit(frame, params)
            if painter.in_flight == painter.depth:
                made.append(painter.collect())
        while painter.in_flight:
            made.append(painter.collect())
    return made


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_frames_are_painted_and_then_enlarged_in_order(scale: int) -> None:
    frames = [_small_frame(seed) for seed in range(5)]
    made = _made(identity_net(scale=scale), frames, StyleParams(vector=vector(20, 0, 0)))
    assert len(made) == 5
    for frame, picture in zip(frames, made, strict=True):
        expected = (frame + np.array([20, 0, 0])).repeat(scale, 0).repeat(scale, 1)
        assert np.array_equal(picture, expected)


@pytest.mark.parametrize("options", [{"strength": 0.5}, {"keep_colors": True}])
def test_what_is_enlarged_is_the_mix(options: dict[str, float | bool]) -> None:
    params = StyleParams(vector=vector(100, 50, 0), **options)  # type: ignore[arg-type]
    frames = [_small_frame()]
    small, large = _made(None, frames, params)[0], _made(identity_net(scale=2), frames, params)[0]
    full = _made(None, frames, StyleParams(vector=vector(100, 50, 0)))[0]
    assert np.array_equal(large, cv2.resize(small, (48, 36), interpolation=cv2.INTER_NEAREST))
    assert not np.array_equal(small, full)


def test_it_says_what_goes_in_and_what_comes_out() -> None:
    with open_pipeline(_painted_and_enlarged(3), _SIZE) as painter:
        assert (painter.size, painter.output_size) == ((24, 18), (72, 54))
        assert [spec.net.kind for spec in painter.specs] == ["style", "upscale"]
        assert painter.depth == 2


def test_the_engines_are_closed_at_the_end() -> None:
    def submitted(painter: Pipeline, red: float) -> None:
        painter.submit(_small_frame(), StyleParams(vector=vector(red, 0, 0)))

    with open_pipeline(_painted_and_enlarged(2), _SIZE) as painter:
        submitted(painter, 0)
    with pytest.raises(RuntimeError, match="closed"):
        submitted(painter, 1)


@pytest.mark.parametrize(
    ("net", "upscaler"), [(identity_net(scale=2), identity_net(scale=2)), (tint_net(), tint_net())]
)
def test_nets_in_another_order_are_refused(net: NetFile, upscaler: NetFile) -> None:
    with pytest.raises(BadInputError, match="paints comes first"):
        ResolvedPipeline(net=net, upscaler=upscaler)
