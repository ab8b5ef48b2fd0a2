from __future__ import annotations

import cv2
import numpy as np
import pytest

from engines.errors import BadInputError
from realtime.painter import Treatment, mix

_RNG = np.random.default_rng(0)
_FRAME = cv2.GaussianBlur(_RNG.integers(0, 256, (48, 64, 3), np.uint8), (0, 0), 3)
_PAINTED = cv2.GaussianBlur(_RNG.integers(0, 256, (48, 64, 3), np.uint8), (0, 0), 2)


def test_full_strength_is_the_painting() -> None:
    assert np.array_equal(mix(_FRAME, _PAINTED.copy(), Treatment()), _PAINTED)


def test_no_strength_is_the_frame() -> None:
    assert np.array_equal(mix(_FRAME, _PAINTED.copy(), Treatment(strength=0)), _FRAME)


def test_half_strength_is_the_mean() -> None:
    mixed = mix(_FRAME, _PAINTED.copy(), Treatment(strength=0.5)).astype(float)
    assert np.abs(mixed - (_FRAME.astype(float) + _PAINTED) / 2).max() <= 1


def test_kept_colors_take_brightness_from_the_painting_and_chroma_from_the_frame() -> None:
    mixed = cv2.cvtColor(mix(_FRAME, _PAINTED.copy(), Treatment(keep_colors=True)), cv2.COLOR_RGB2YCrCb).astype(int)
    assert np.abs(mixed[..., 0] - cv2.cvtColor(_PAINTED, cv2.COLOR_RGB2YCrCb)[..., 0]).mean() < 2
    assert np.abs(mixed[..., 1:] - cv2.cvtColor(_FRAME, cv2.COLOR_RGB2YCrCb)[..., 1:]).mean() < 2


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_outside_0_to_1_is_refused(strength: float) -> None:
    with pytest.raises(BadInputError, match="strength is 0 to 1"):
        Treatment(strength=strength)
