"""Bicubic resizing as MATLAB's `imresize` does it: the degradation that the super-resolution literature means.

Keys 1981 with a = -0.5; when it shrinks, the kernel is widened by the factor (antialiasing), weights are normalised,
edge pixels are repeated, and the picture is rounded to 8 bits between columns and rows. All of that is needed to make
the benchmark sets' low-resolution pictures bit for bit; cv2 and Pillow do one or the other thing differently.
"""

from __future__ import annotations

import functools
from fractions import Fraction
from math import ceil

import numpy as np
from numpy.typing import NDArray

__all__ = ["bicubic_matrix", "imresize"]


def _keys(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cubic convolution kernel (Keys 1981, eq. 15)."""
    a = np.abs(x)
    near = (1.5 * a - 2.5) * a * a + 1
    far = ((-0.5 * a + 2.5) * a - 4) * a + 2
    return np.where(a <= 1, near, np.where(a <= 2, far, 0.0))


@functools.lru_cache(maxsize=64)
def bicubic_matrix(length: int, factor: Fraction) -> NDArray[np.float64]:
    """Weights `(ceil(length * factor), length)`: a row for each new pixel. Do not write to it, it is shared."""
    new = ceil(length * factor)
    ratio = float(factor)
    squeeze = min(ratio, 1.0)
    width = 4 / squeeze
    centres = (np.arange(new) + 0.5) / ratio - 0.5
    first = np.floor(centres - width / 2).astype(int) + 1
    places = first[:, None] + np.arange(ceil(width) + 1)
    weights = squeeze * _keys(squeeze * (centres[:, None] - places))
    weights /= weights.sum(axis=1, keepdims=True)
    matrix = np.zeros((new, length))
    np.add.at(matrix, (np.arange(new)[:, None], places.clip(0, length - 1)), weights)
    matrix.flags.writeable = False
    return matrix


def imresize(picture: NDArray[np.uint8], factor: Fraction | int) -> NDArray[np.uint8]:
    """Resize by `factor`, sides rounded up: uint8 `(h, w, c)` to uint8 `(ceil(h f), ceil(w f), c)`."""
    factor = Fraction(factor)
    rows = bicubic_matrix(picture.shape[0], factor)
    columns = bicubic_matrix(picture.shape[1], factor)
    between = _rounded(np.einsum("ij,jkc->ikc", rows, picture.astype(np.float64), optimize=True))
    return _rounded(np.einsum("ij,kjc->kic", columns, between.astype(np.float64), optimize=True))


def _rounded(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.floor(values.clip(0, 255) + 0.5).astype(np.uint8)
