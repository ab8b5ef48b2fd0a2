"""What cameras and codecs do to a picture: sensor noise, blur, low light, wrong colours, JPEG and H.264 blocks.

A net that is trained on such pictures, with losses that look at the clean ones, paints what was in front of the
camera, not what the camera and the codec added.
"""

from __future__ import annotations

import functools
import io

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from engines.contract import Picture

__all__ = ["camera_picture", "sensor_noise", "through_h264", "through_jpeg"]

_SHARES = {"resize": 0.25, "blur": 0.25, "light": 0.2, "colour": 0.2, "noise": 0.5}
"""How many of the degraded pictures have each fault."""
_CODECS, _CODEC_SHARES = ("none", "jpeg", "h264"), (0.2, 0.35, 0.45)
_H264_CRF, _JPEG_QUALITY = (24, 39), (25, 90)
_MOST_NOISE = 12.0
"""Of 255: standard deviation at middle grey."""


def camera_picture(picture: Picture, rng: np.random.Generator) -> Picture:
    """A picture as a bad camera and a thrifty codec would give it: uint8 `(h, w, 3)` RGB in and out.

    Everything depends on the state of `rng` alone.
    """
    height, width = picture.shape[:2]
    has = {fault: rng.random() < share for fault, share in _SHARES.items()}
    x = picture
    if has["resize"]:
        scale = rng.uniform(0.4, 0.9)
        small = cv2.resize(
            x, (max(8, round(width * scale)), max(8, round(height * scale))), interpolation=cv2.INTER_AREA
        )
        x = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    if has["blur"]:
        x = _blurred(x, rng)
    if has["light"] or has["colour"]:
        gain = np.full(3, rng.uniform(0.35, 0.9) if has["light"] else 1.0)
        if has["colour"]:
            gain *= np.exp(rng.normal(0, 0.12, 3))
        gamma = rng.uniform(0.85, 1.2)
        table = (255 * np.clip((np.arange(256)[:, None] / 255) ** gamma * gain, 0, 1) + 0.5).astype(np.uint8)
        x = np.stack([table[x[..., channel], channel] for channel in range(3)], axis=2)
    if has["noise"]:
        x = sensor_noise(x, rng.uniform(1, _MOST_NOISE), rng)
    codec = rng.choice(_CODECS, p=_CODEC_SHARES)
    if codec == "jpeg":
        x = through_jpeg(x, int(rng.integers(*_JPEG_QUALITY)))
    elif codec == "h264":
        x = through_h264(x, int(rng.integers(*_H264_CRF)))
    return np.ascontiguousarray(x)


def sensor_noise(picture: Picture, deviation: float, rng: np.random.Generator) -> Picture:
    """Shot and read noise, new in every frame, partly smoothed as a camera's own processing does.

    deviation: of 255, at middle grey. Variance grows with the light (Foi et al. 2008, eq. 3).
    """
    height, width = picture.shape[:2]
    noise = rng.standard_normal((height, width, 3), np.float32)
    grain = rng.random()
    if grain < 0.5:  # colour noise is coarser than that of brightness: demosaicing and chroma subsampling
        noise = 0.6 * noise + 0.8 * cv2.GaussianBlur(noise, (0, 0), 0.8 + grain) * (1.8 + 2 * grain)
    if rng.random() < 0.3:
        noise = noise.mean(axis=2, keepdims=True) * 1.7
    level = picture.astype(np.float32)
    strength = deviation * np.sqrt(0.3 + 0.7 * level / 128)
    return np.asarray((level + noise * strength + 0.5).clip(0, 255), np.uint8)


def through_jpeg(picture: Picture, quality: int) -> Picture:
    """Written as JPEG (as each frame of MJPEG is) and read again."""
    ok, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded[..., ::-1], np.uint8)


def through_h264(picture: Picture, crf: int) -> Picture:
    """The second of two frames from x264: what most frames of a video are, predicted from one moved by some pixels."""
    height, width = picture.shape[:2]
    tall, wide = height + height % 2, width + width % 2
    whole = cv2.copyMakeBorder(picture, 0, tall - height, 0, wide - width, cv2.BORDER_REPLICATE)
    file = io.BytesIO()
    with av.open(file, "w", format="h264") as container:
        options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = wide, tall, "yuv420p"
        for frame in (np.roll(whole, (1, 2), axis=(0, 1)), whole):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(frame, np.uint8, "C"), format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r", format="h264") as container:
        *_, last = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
    return np.asarray(last[:height, :width], np.uint8)


def _blurred(picture: Picture, rng: np.random.Generator) -> Picture:
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.5)), np.uint8)
    return np.asarray(
        cv2.filter2D(picture, -1, _motion_kernel(int(rng.integers(3, 9)), int(rng.integers(0, 8)))), np.uint8
    )


@functools.lru_cache(maxsize=64)
def _motion_kernel(length: int, eighth: int) -> NDArray[np.float32]:
    """A line of `length` pixels at an angle of so many eighths of half a turn; sums to 1."""
    side = length | 1
    line = np.zeros((side, side), np.float32)
    line[side // 2] = 1
    turned = cv2.warpAffine(
        line, cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), eighth * 22.5, 1), (side, side)
    )
    return np.asarray(turned / turned.sum(), np.float32)
