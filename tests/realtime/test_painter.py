from __future__ import annotations

import cv2
import numpy as np
import pytest

from engines.contract import EngineSpec, Picture, StyleVector
from engines.errors import BadInputError
from engines.net_file import NetSpec
from realtime.pipeline import Pipeline, StyleParams, mix

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
