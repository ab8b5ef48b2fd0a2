"""Between a video's own pixels and RGB: matrix, range, chroma, depth, and HDR (BT.2100 PQ and HLG) to SDR.

Numbers of matrices, primaries and transfers are those of ITU-T H.273, which FFmpeg uses too. The whole mapping from HDR
code values to SDR ones is one table that FFmpeg's lut3d filter interpolates in: transfer function to light, highlights
rolled off, BT.2020 primaries to BT.709, gamma.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.filter
import cv2
import numpy as np
from av.video.format import VideoFormat
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from engines.contract import Picture

__all__ = ["BT709", "Colour", "HDR_TRANSFERS", "HdrToRgb", "ToRgb", "ToVideo", "colour_of", "sdr_from_hdr"]

LIMITED, FULL = 1, 2
BT709, UNSPECIFIED, FCC, BT470BG, SMPTE170M, SMPTE240M, BT2020, BT2020_CL = 1, 2, 4, 5, 6, 7, 9, 10
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

_WHITE_NITS = 203.0
"""Graphics white of BT.2408: what becomes the brightest SDR white, but for the part kept for highlights."""
_PEAK_NITS = 1000.0
_KNEE = 0.7
"""SDR light up to here is kept as it is; what is above shares the rest."""
_EDGE = 49

# BT.2020 to BT.709, linear light (ITU-R BT.2087-0, section 5)
_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float64)


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


def sdr_from_hdr(code: NDArray[np.float64], transfer: int) -> NDArray[np.float64]:
    """SDR code values, 0..1 `(..., 3)` RGB BT.709, for HDR ones, 0..1 `(..., 3)` RGB BT.2020."""
    nits = _nits_from_pq(code) if transfer == PQ else _nits_from_hlg(code)
    light = nits / _WHITE_NITS
    brightest = np.maximum(light.max(axis=-1, keepdims=True), 1e-9)
    light = light * (_rolled_off(brightest) / brightest)  # one factor for all three: hues stay
    light = np.clip(light @ _TO_709.T, 0, 1)
    return np.asarray(light ** (1 / 2.4))  # BT.1886: what an SDR display does with it


def _nits_from_pq(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084, equation 4.1."""
    power = code ** (1 / 78.84375)
    ratio = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return np.asarray(10000 * ratio ** (1 / 0.1593017578125))


def _nits_from_hlg(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100 table 5: inverse OETF, then the OOTF for a display of 1000 nits (gamma 1.2)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    return np.asarray(_PEAK_NITS * np.maximum(luminance, 1e-9)[..., None] ** 0.2 * scene)


def _rolled_off(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light above the knee is bent so that the peak becomes 1: a rational curve, smooth at the knee."""
    peak = _PEAK_NITS / _WHITE_NITS
    above, room, reach = np.maximum(light - _KNEE, 0), 1 - _KNEE, peak - _KNEE
    bend = 1 / room - 1 / reach
    return np.where(light <= _KNEE, light, _KNEE + above / (1 + bend * above))


class HdrToRgb:
    """Decoded HDR frames to SDR RGB pictures of one size."""

    def __init__(self, colour: Colour, size: tuple[int, int]) -> None:
        self._colour, self._size = colour, size
        self.target = Colour(matrix=BT709, full_range=False, primaries=BT709, transfer=BT709)
        """What the pictures mean: BT.709 throughout."""
        self._to_rgb = ToRgb(colour, size, rgb_format="gbrp12le")
        self._graph = _lut_graph(size, colour.transfer)

    def __call__(self, frame: av.VideoFrame) -> Picture:
        """A new array, uint8 `(h, w, 3)` RGB."""
        deep = self._to_rgb.frame(frame)
        deep.pts = None
        self._graph.push(deep)
        mapped = self._graph.pull()
        assert isinstance(mapped, av.VideoFrame)
        flat = mapped.reformat(format="rgb24", src_color_range=FULL, dst_color_range=FULL, threads=1)
        return np.ascontiguousarray(flat.to_ndarray())


def _lut_graph(size: tuple[int, int], transfer: int) -> av.filter.Graph:
    axis = np.linspace(0, 1, _EDGE)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")  # in a .cube file red changes fastest
    table = sdr_from_hdr(np.stack([red, green, blue], axis=-1).reshape(-1, 3), transfer)
    graph = av.filter.Graph()
    with tempfile.TemporaryDirectory(prefix="rtstyle-") as folder:
        path = Path(folder) / "hdr.cube"
        rows = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in table)
        path.write_text(f"LUT_3D_SIZE {_EDGE}\n{rows}\n", encoding="ascii")
        source = graph.add_buffer(width=size[0], height=size[1], format=VideoFormat("gbrp12le"), time_base=Fraction(1))
        lut = graph.add("lut3d", file=str(path), interp="tetrahedral")
        sink = graph.add("buffersink")
        source.link_to(lut)
        lut.link_to(sink)
        graph.configure()  # reads the file
    return graph
