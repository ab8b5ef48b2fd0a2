"""Training pairs for upscalers: patches of sharp pictures, and what cameras, services or benchmarks leave of them."""

from __future__ import annotations

import functools
import io
import logging
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.contract import Picture
from engines.errors import BadInputError
from train.data import fingerprint, list_pictures, read_rgb
from train.sr.evaluation import bicubic_matrix, imresize

__all__ = ["EDGE", "Patches", "degraded", "downscaled"]

EDGE = 2
"""Low-resolution pixels around a patch that are made and cut off: their neighbours are not in the crop."""
_COPIES = (Fraction(1), Fraction(4, 5), Fraction(3, 5))
"""Each picture is there in these sizes: the smaller ones show more detail to a pixel, and less JPEG."""

_UNTOUCHED = 0.35
"""This share of the pictures is only downscaled: clean input shall not be taken for dirty."""
_BLURS = (0.0, 0.0, 0.15, 0.3, 0.45, 0.6)
"""Standard deviations of a lens's or a resizer's blur, in low-resolution pixels."""
_COMPRESSIONS = ("none", "jpeg", "h264", "h264")
_PAPER_BLUR = 1.0
"""In high-resolution pixels (Johnson et al. 2016, section 4.2)."""
_JPEG_QUALITIES = (40, 95)
_H264_RATE_FACTORS = (18, 32)
_MOST_NOISE = 5.0
"""Of 255."""
_log = logging.getLogger(__name__)


class Patches:
    """High-resolution crops of random pictures, turned and mirrored; large pictures come more often."""

    def __init__(self, folder: Path, *, side: int, seed: int) -> None:
        """side: of a crop in pixels. Raises BadInputError where no picture is that large."""
        self.side, self.seed = side, seed
        self.pictures: list[NDArray[np.uint8]] = []
        self.paths = list_pictures(folder)
        self.known_as = fingerprint(folder, self.paths)
        """Changes when the folder's pictures do."""
        self.broken = set[int]()
        """Those of `paths`, by their place, that cannot be read."""
        for number, path in enumerate(self.paths):
            picture = read_rgb(path)
            if picture is None:
                _log.warning("skipped %s: not a picture", path)
                self.broken.add(number)
                continue
            copies = [picture if factor == 1 else imresize(picture, factor) for factor in _COPIES]
            self.pictures += [copy for copy in copies if min(copy.shape[:2]) >= side]
        if not self.pictures:
            raise BadInputError(f"expected pictures of {side} pixels or more on each side, {folder} has none")
        areas = np.array([picture.shape[0] * picture.shape[1] for picture in self.pictures], float)
        self._shares = areas / areas.sum()

    def batch(self, step: int, size: int) -> Tensor:
        """The crops of a step: uint8 `(size, 3, side, side)` RGB."""
        rng = np.random.default_rng((self.seed, step))
        chosen = rng.choice(len(self.pictures), size, p=self._shares)
        return torch.from_numpy(np.stack([self._crop(self.pictures[n], rng) for n in chosen]))

    def _crop(self, picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        top, left = (int(rng.integers(length - self.side + 1)) for length in picture.shape[:2])
        crop = np.rot90(picture[top : top + self.side, left : left + self.side], int(rng.integers(4)))
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        return np.ascontiguousarray(crop.transpose(2, 0, 1))


def downscaled(crops: Tensor, scale: int, blur: float = 0.0) -> Tensor:
    """Bicubic low resolution of float `(n, 3, h, w)` in 0..255: `(n, 3, h / scale, w / scale)`, rounded to 8 bits.

    blur: standard deviation of a Gaussian that comes first, in low-resolution pixels.
    """
    rows, columns = (_matrix(side, scale, blur) for side in crops.shape[2:])
    return _rounded(_rounded(rows @ crops) @ columns.T)  # twice, as `imresize` does


def degraded(
    crops: Tensor, scale: int, kind: str, rng: np.random.Generator, *, untouched_share: float = _UNTOUCHED
) -> Tensor:
    """Low resolution: float `(n, 3, h, w)` in 0..255 to `(n, 3, h / scale, w / scale)`, rounded to 8 bits.

    kind: `bicubic`; `paper` blurs before; `video` blurs, downscales, adds a sensor's noise and compresses, each picture
    in its own measure; all pictures that draw H.264 are encoded together, as parts of one frame that follows another.
    """
    if kind != "video":
        return downscaled(crops, scale, blur=_PAPER_BLUR / scale if kind == "paper" else 0.0)
    untouched = rng.random(len(crops)) < untouched_share
    blurs = np.where(untouched, 0.0, rng.choice(_BLURS, len(crops)))
    low = torch.cat([downscaled(crop[None], scale, float(blur)) for crop, blur in zip(crops, blurs, strict=True)])
    pictures = [np.asarray(picture, np.uint8) for picture in low.permute(0, 2, 3, 1).numpy()]
    pictures = [p if clean else _noisy(p, rng) for p, clean in zip(pictures, untouched, strict=True)]
    ways = np.where(untouched, "none", rng.choice(_COMPRESSIONS, len(pictures)))
    for number in np.flatnonzero(ways == "jpeg"):
        pictures[number] = _through_jpeg(pictures[number], int(rng.integers(*_JPEG_QUALITIES)))
    chosen = np.flatnonzero(ways == "h264")
    if len(chosen):
        passed = _through_h264([pictures[n] for n in chosen], int(rng.integers(*_H264_RATE_FACTORS)))
        for number, picture in zip(chosen, passed, strict=True):
            pictures[number] = picture
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()


def _rounded(values: Tensor) -> Tensor:
    """To 8 bits, halves up: `round` takes them to even numbers, and at x2 halves are frequent."""
    return (values + 0.5).floor().clamp(0, 255)


@functools.lru_cache(maxsize=64)
def _matrix(length: int, scale: int, blur: float) -> Tensor:
    """Blur and bicubic downscaling along one side, float32 `(length / scale, length)`."""
    matrix = bicubic_matrix(length, Fraction(1, scale))
    if blur:
        distance = np.arange(length)[:, None] - np.arange(length)
        gauss = np.exp(-0.5 * (distance / (blur * scale)) ** 2)
        matrix = matrix @ (gauss / gauss.sum(axis=1, keepdims=True))
    return torch.from_numpy(np.array(matrix, np.float32))


def _noisy(picture: Picture, rng: np.random.Generator) -> Picture:
    """Half of the pictures get noise, the same in all channels or (more weakly seen) different in each."""
    if rng.random() < 0.5:
        return picture
    noise = rng.normal(0, rng.uniform(0, _MOST_NOISE), (*picture.shape[:2], int(rng.choice([1, 3]))))
    return np.asarray((picture + noise).clip(0, 255) + 0.5, np.uint8)


def _through_jpeg(picture: Picture, quality: int) -> Picture:
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def _through_h264(pictures: list[Picture], rate_factor: int) -> list[Picture]:
    """Encode pictures of one size side by side and take the second of two frames, as a video's frames mostly are.

    Its predecessor is the same picture, moved by a pixel. `rate_factor`: x264's crf.
    """
    height, width = pictures[0].shape[:2]
    tall, wide = height + height % 2, width + width % 2
    strip = np.zeros((tall, wide * len(pictures), 3), np.uint8)
    for number, picture in enumerate(pictures):
        padded = cv2.copyMakeBorder(picture, 0, tall - height, 0, wide - width, cv2.BORDER_REPLICATE)
        strip[:, number * wide : (number + 1) * wide] = padded
    file = io.BytesIO()
    with av.open(file, "w", format="h264") as container:
        options = {"crf": str(rate_factor), "preset": "veryfast", "threads": "1"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = strip.shape[1], strip.shape[0], "yuv420p"
        for frame in (np.roll(strip, 1, axis=1), strip):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r", format="h264") as container:
        *_, last = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
    return [np.asarray(last[:height, n * wide : n * wide + width], np.uint8) for n in range(len(pictures))]
