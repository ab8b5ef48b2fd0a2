"""Small clips made for a test, nets that do as good as nothing, and ways to look into a file."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from engines.contract import Picture
from engines.net_file import NetFile, NetSpec, net_from_model
from realtime.pipeline import ResolvedPipeline, StyleParams
from realtime.video.job import VideoJob, VideoSummary, stylize_video_file


def identity_net() -> NetFile:
    """A net that gives every frame back as it came."""
    return _net([helper.make_node("Identity", ["frame"], ["image"])], [], NetSpec(name="identity", kind="style"))


def doubling_net() -> NetFile:
    """An upscaler that doubles every pixel."""
    nodes = [
        helper.make_node("Cast", ["frame"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Resize", ["planes", "", "scales"], ["larger"], mode="nearest"),
        helper.make_node("Transpose", ["larger"], ["back"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["back"], ["image"], to=TensorProto.UINT8),
    ]
    scales = helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 2, 2])
    return _net(nodes, [scales], NetSpec(name="doubling", kind="upscale", scale=2))


def _net(nodes: list[Any], weights: list[Any], spec: NetSpec) -> NetFile:
    graph = helper.make_graph(
        nodes,
        spec.name,
        [helper.make_tensor_value_info("frame", TensorProto.UINT8, [1, "h", "w", 3])],
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "H", "W", 3])],
        weights,
    )
    opset = helper.make_opsetid("", 17)
    return net_from_model(helper.make_model(graph, opset_imports=[opset], ir_version=9), spec)


def run(source: Path, target: Path, *, net: NetFile | None = None, **options: Any) -> VideoSummary:
    """The job with the net that does nothing, and with as little loss as the codec allows by default."""
    params, upscaler = options.pop("params", StyleParams()), options.pop("upscaler", None)
    pipeline = ResolvedPipeline(net=net or identity_net(), params=params, upscaler=upscaler)
    if options.get("codec") is None and target.suffix != ".webm":
        options.setdefault("crf", 1)
        options.setdefault("preset", "ultrafast")
    return stylize_video_file(VideoJob(source=source, target=target, pipeline=pipeline, **options))


def scene(index: int, size: tuple[int, int] = (64, 48)) -> Picture:
    """A smooth colourful picture that moves with `index`, with a darker upper left quarter and a white bar below."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 60 + 120 * x / width
    green = 70 + 110 * y / height
    blue = 128 + 60 * np.sin(2 * np.pi * (x / width + index / 30))
    picture = np.stack([red, green, blue], axis=-1)
    picture[: height // 2, : width // 2] *= 0.6
    picture[height - height // 8 :] = 230
    return picture.round().astype(np.uint8)


def number_frame(index: int, size: tuple[int, int] = (64, 48)) -> Picture:
    """A grey picture that carries its number in black and white squares: any codec keeps it readable."""
    width, height = size
    picture = np.full((height, width, 3), 128, np.uint8)
    for bit in range(8):
        left = bit * width // 8
        picture[: height // 2, left : left + width // 8] = 235 if index >> bit & 1 else 20
    return picture


def number_of(picture: Picture) -> int:
    """What number_frame wrote."""
    height, width = picture.shape[:2]
    bits = [picture[height // 4, bit * width // 8 + width // 16].mean() > 128 for bit in range(8)]
    return sum(1 << bit for bit, is_set in enumerate(bits) if is_set)


@dataclass(kw_only=True)
class Clip:
    """How a test clip is to be made."""

    pictures: Sequence[Picture]
    pts: Sequence[int] | None = None
    """None: 0, 1, 2, ... frames of `rate`."""
    time_base: Fraction = Fraction(1, 30)
    rate: Fraction = Fraction(30)
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: {"crf": "1", "preset": "ultrafast"})
    matrix: int = 2
    full_range: bool | None = None
    primaries: int = 2
    transfer: int = 2
    sample_aspect_ratio: Fraction | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    chapters: list[dict[str, Any]] = field(default_factory=list)
    muxer: str | None = None
    container_options: dict[str, str] = field(default_factory=dict)
    beside: Callable[[av.container.OutputContainer], Callable[[], None]] | None = None
    """Adds streams before the first frame; what it returns writes their packets."""


_SWS = {1: 1, 5: 5, 6: 5, 9: 9, 2: 5}


def write_clip(path: Path, clip: Clip) -> Path:
    with av.open(str(path), "w", format=clip.muxer, container_options=clip.container_options) as container:
        container.metadata.update(clip.metadata)
        stream = container.add_stream(clip.codec, rate=clip.rate, options=clip.options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = clip.pictures[0].shape[:2]
        stream.pix_fmt = clip.pixel_format
        stream.codec_context.time_base = stream.time_base = clip.time_base
        stream.codec_context.colorspace = clip.matrix
        stream.codec_context.color_primaries, stream.codec_context.color_trc = clip.primaries, clip.transfer
        if clip.full_range is not None:
            stream.codec_context.color_range = 2 if clip.full_range else 1
        if clip.sample_aspect_ratio is not None:
            stream.codec_context.sample_aspect_ratio = clip.sample_aspect_ratio
        if clip.chapters:
            container.set_chapters(clip.chapters)  # type: ignore[arg-type]
        write_beside = clip.beside(container) if clip.beside else lambda: None
        for index, picture in enumerate(clip.pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
                format=clip.pixel_format,
                src_color_range=2,
                dst_color_range=2 if clip.full_range or clip.pixel_format.startswith("yuvj") else 1,
                dst_colorspace=_SWS[clip.matrix],
                interpolation=0x20 | 0x40000 | 0x4000,
            )
            frame.pts = clip.pts[index] if clip.pts is not None else index
            frame.time_base = clip.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        write_beside()
    return path


def set_display_matrix(path: Path, matrix: Sequence[int]) -> Path:
    """Write a b c d, of which each is -1, 0 or 1, into the head of the only track of an MP4 file."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # ISO/IEC 14496-12, 8.3.2, version 0
    a, b, c, d = (value << 16 for value in matrix)
    struct.pack_into(">9i", content, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def tone(*, codec: str = "aac", seconds: float = 1.0, rate: int = 44100, language: str | None = None) -> Any:
    """For Clip.beside: a sound of 440 Hz."""

    def add(container: av.container.OutputContainer) -> Callable[[], None]:
        stream = container.add_stream(codec, rate=rate)
        if language:
            stream.metadata["language"] = language

        def write() -> None:
            wave = np.sin(np.arange(int(rate * seconds)) * 2 * np.pi * 440 / rate)
            samples = (wave * 12000).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.repeat(2, 1)), "s16", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

        return write

    return add


def together(*parts: Any) -> Any:
    """Several additions for Clip.beside."""

    def add(container: av.container.OutputContainer) -> Callable[[], None]:
        writers = [part(container) for part in parts]

        def write() -> None:
            for writer in writers:
                writer()

        return write

    return add


def timestamps(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds, exactly, in display order."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def pictures(path: Path) -> list[Picture]:
    """All frames as RGB, by what their tags say, independent of the code under test."""
    with av.open(str(path)) as container:
        return [rgb_of(frame) for frame in container.decode(video=0)]


def rgb_of(frame: av.VideoFrame) -> Picture:
    full = frame.color_range == 2 or frame.format.name.startswith("yuvj")
    matrix = _SWS.get(int(frame.colorspace), 5)
    rgb = frame.reformat(
        format="rgb24",
        src_colorspace=matrix,
        src_color_range=2 if full else 1,
        dst_color_range=2,
        interpolation=0x2 | 0x2000 | 0x40000,
    )
    return np.asarray(rgb.to_ndarray(), np.uint8)


def packets(path: Path, kind: str, index: int = 0) -> list[bytes]:
    """The content of every packet of one stream."""
    with av.open(str(path)) as container:
        stream = [s for s in container.streams if s.type == kind][index]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def psnr(left: NDArray[Any] | Iterable[NDArray[Any]], right: NDArray[Any] | Iterable[NDArray[Any]]) -> float:
    """Peak signal-to-noise ratio in dB of 8-bit pictures."""
    a, b = (np.asarray(list(side) if not isinstance(side, np.ndarray) else side, np.float64) for side in (left, right))
    error = float(np.mean((a - b) ** 2))
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))
