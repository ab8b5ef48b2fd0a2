"""What the contract suites share: the backends under test and how their engines are opened."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engines.contract import Engine, Picture

__all__ = ["CANDIDATES", "Open", "flat", "picture"]

CANDIDATES = [
    pytest.param(("openvino", "f32"), id="openvino-f32"),
    pytest.param(("openvino", None), id="openvino"),
    pytest.param(("onnxruntime", None), id="onnxruntime"),
    pytest.param(("tensorrt-rtx", "f32"), id="tensorrt-rtx-f32", marks=pytest.mark.gpu),
    pytest.param(("torch", "f32"), id="torch-f32", marks=pytest.mark.gpu),
]
"""Backend and precision (None: the backend's choice). A new backend joins with one line.

tensorrt is not here: it runs tensorrt-rtx's engine code, and would build for many seconds in each of these tests.
"""

Open = Callable[..., Engine]
"""(net, size, **options of EngineOptions) to an engine of the backend under test."""


def picture(size: tuple[int, int], seed: int = 0) -> Picture:
    """Noise of (width, height), uint8 `(h, w, 3)`."""
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def flat(size: tuple[int, int], value: int) -> Picture:
    """One grey of (width, height), uint8 `(h, w, 3)`."""
    return np.full((size[1], size[0], 3), value, np.uint8)
