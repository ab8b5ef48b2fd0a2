"""HDR video (BT.2100 PQ and HLG) to SDR RGB.

The whole mapping, from HDR code values to SDR ones, is one table that FFmpeg's lut3d filter interpolates in:
transfer function to light, highlights rolled off, BT.2020 primaries to BT.709, gamma.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
from av.video.format import VideoFormat
from numpy.typing import NDArray

from engines.contract import Picture
from realtime.video.colour import BT709, FULL, PQ, Colour, ToRgb

__all__ = ["HdrToRgb", "sdr_from_hdr"]

_WHITE_NITS = 203.0
"""Graphics white of BT.2408: what becomes the brightest SDR white, but for the part kept for highlights."""
_PEAK_NITS = 1000.0
_KNEE = 0.7
"""SDR light up to here is kept as it is; what is above shares the rest."""
_EDGE = 49

# BT.2020 to BT.709, linear light (ITU-R BT.2087-0, section 5)
_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float64)


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
