"""PSNR and SSIM on luma with the border cropped, as the super-resolution literature measures them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["luma", "psnr", "ssim"]


def luma(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """MATLAB's `rgb2ycbcr` (BT.601, 16..235), rounded as it does 8-bit pictures: uint8 `(h, w, 3)` RGB to `(h, w)`.

    Without the rounding bicubic has 28.43 dB on Set5 x4; with it the 28.42 of the literature.
    """
    y = picture.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255 + 16
    return np.asarray(np.floor(y + 0.5), np.float64)


def psnr(picture: NDArray[np.uint8], reference: NDArray[np.uint8], border: int) -> float:
    """Decibels on luma. Both uint8 `(h, w, 3)` RGB of one shape; `border` pixels on each side do not count."""
    error = _inner(luma(picture), border) - _inner(luma(reference), border)
    mean = float(np.mean(error * error))
    return 10 * float(np.log10(255**2 / mean)) if mean else float("inf")


def ssim(picture: NDArray[np.uint8], reference: NDArray[np.uint8], border: int) -> float:
    """Structural similarity on luma (Wang et al. 2004: Gaussian 11x11, sigma 1.5, K 0.01 and 0.03, whole windows)."""
    x, y = _inner(luma(picture), border), _inner(luma(reference), border)
    mean_x, mean_y = _smooth(x), _smooth(y)
    var_x = _smooth(x * x) - mean_x**2
    var_y = _smooth(y * y) - mean_y**2
    both = _smooth(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    bottom = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return float(np.mean(top / bottom))


def _inner(plane: NDArray[np.float64], border: int) -> NDArray[np.float64]:
    return plane[border : plane.shape[0] - border, border : plane.shape[1] - border]


def _smooth(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    smooth = cv2.GaussianBlur(plane, (11, 11), 1.5)
    return np.asarray(smooth[5:-5, 5:-5], np.float64)
