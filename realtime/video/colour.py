"""Between a video's own pixels and RGB: matrix, range, chroma, depth.

Numbers of matrices, primaries and transfers are those of ITU-T H.273, which FFmpeg uses too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from engines.contract import Picture

__all__ = ["BT709", "Colour", "FULL", "HDR_TRANSFERS", "LIMITED", "RGB_MATRIX", "ToRgb", "ToVideo", "colour_of"]

LIMITED, FULL = 1, 2
RGB_MATRIX, BT709, UNSPECIFIED, BT470BG, SMPTE170M, SMPTE240M, BT2020, BT2020_CL = 0, 1, 2, 5, 6, 7, 9, 10
FCC = 4
PQ, HLG = 16, 18
HDR_TRANSFERS = {PQ: "PQ", HLG: "HLG"}

_SWS_MATRIX = {BT709: 1, FCC: 4, BT470BG: 5, SMPTE170M: 5, SMPTE240M: 7, BT2020: 9, BT2020_CL: 9}
"""swscale's own numbers (SWS_CS_*)."""

# swscale's flags. Without the last two, its fast paths lose a level or two of brightness on the way.
_BILINEAR, _BICUBIC, _AREA = 0x2, 0x4, 0x20
_CHROMA_OUT, _CHROMA_IN, _ROUND = 0x2000, 0x4000, 0x40000

_PLANES = "gbrp"
"""swscale rounds accurately with SIMD only into planes: with merging them afterwards that takes half the time, for the
same picture (1 of 255 at the edges of sizes that are no multiple of its vectors)."""


@dataclass(frozen=True, kw_only=True)
class Colour:
    """How a video's numbers mean colours."""

    matrix: int
    full_range: bool
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED

    @property
    def range(self) -> int:
        return FULL if self.full_range else LIMITED

    @property
    def sws_matrix(self) -> int:
        return _SWS_MATRIX[self.matrix]

    @property
    def hdr(self) -> bool:
        return self.transfer in HDR_TRANSFERS


def colour_of(frame: av.VideoFrame) -> Colour:
    """What a decoded frame says of itself; where it says nothing, what players take it for.

    That is BT.709 for HD (1280 pixels wide or more than 576 high) and BT.601 for SD, limited range, except for the
    formats that are full-range by their name.
    """
    name = frame.format.name
    matrix = int(frame.colorspace)
    if matrix not in _SWS_MATRIX:  # unspecified, RGB, or one that swscale does not know
        hd = frame.width >= 1280 or frame.height > 576
        matrix = BT709 if hd else BT470BG if frame.height in (288, 576) else SMPTE170M
    return Colour(
        matrix=matrix,
        full_range=name.startswith("yuvj") or (int(frame.color_range) == FULL and not frame.format.is_rgb),
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
    )


def _rows(plane: VideoPlane, size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    content: Any = plane  # it has the buffer protocol, which its type does not say
    rows: NDArray[np.uint8] = np.frombuffer(content, np.uint8).reshape(-1, plane.line_size)[:height, :width]
    return rows


class ToRgb:
    """Decoded frames to RGB pictures of one size."""

    def __init__(self, colour: Colour, size: tuple[int, int], *, rgb_format: str = _PLANES) -> None:
        self._colour, self._size, self._format = colour, size, rgb_format
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> Picture:
        """A new array, uint8 `(h, w, 3)` RGB; colours by what the stream's first frame said. For 8 bits."""
        green, blue, red = (_rows(plane, self._size) for plane in self.frame(frame).planes)
        return np.asarray(cv2.merge((red, green, blue)), np.uint8)

    def frame(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The same as a frame of `rgb_format`."""
        width, height = self._size
        scaled = (frame.width, frame.height) != self._size
        return self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=self._format,
            src_colorspace=self._colour.sws_matrix,
            dst_colorspace=self._colour.sws_matrix,
            src_color_range=FULL if frame.format.is_rgb else self._colour.range,
            dst_color_range=FULL,
            interpolation=(_BICUBIC if scaled else _BILINEAR) | _ROUND | _CHROMA_OUT,
            threads=1,  # the stages already keep the cores busy
        )


class ToVideo:
    """RGB pictures to frames of the pixel format that an encoder takes, tagged with their colours."""

    def __init__(self, colour: Colour, pixel_format: str) -> None:
        self._colour, self._format = colour, pixel_format
        self._reformatter = VideoReformatter()

    def __call__(self, picture: Picture) -> av.VideoFrame:
        """picture: uint8 `(h, w, 3)` RGB, contiguous."""
        frame = self._reformatter.reformat(
            av.VideoFrame.from_numpy_buffer(picture, "rgb24"),
            format=self._format,
            src_colorspace=self._colour.sws_matrix,
            dst_colorspace=self._colour.sws_matrix,
            src_color_range=FULL,
            dst_color_range=self._colour.range,
            interpolation=_AREA | _ROUND | _CHROMA_IN,
            threads=1,
        )
        frame.colorspace = self._colour.matrix
        frame.color_range = self._colour.range
        frame.color_primaries = self._colour.primaries
        frame.color_trc = self._colour.transfer
        return frame
