"""The encoders by name, what each calls quality and speed, and whether NVIDIA's can take over from the CPU's.

NVIDIA's are FFmpeg's own, `h264_nvenc` and its like, in PyAV's wheels. Not yet run on a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import av

from engines.errors import BackendError, BadInputError, OutputError
from engines.names import nearest
from engines.nvidia.driver import find_gpu
from realtime.user_options import LARGEST_SIDE
from realtime.video.decoders import Notice, error_reason

__all__ = [
    "AUTO_CODEC",
    "CODECS",
    "CONTAINERS",
    "Encoder",
    "check_size",
    "choose_encoder",
    "faster_encoder",
    "pixel_format_for",
    "why_no_nvenc",
]

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""FFmpeg's muxer by file ending."""

AUTO_CODEC = "auto"
"""The usual codec, by the GPU's encoder where there is one."""

_X26X = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
_QSV = _X26X[2:9]
_NVENC = tuple(f"p{n}" for n in range(1, 8))
_MOST_MACROBLOCKS = 139_264
"""Of 16x16 pixels: the largest picture of the highest level that players know of, 6.2 or 6.3,
which is 8192x4352 in all four codecs."""
_AV1_HEIGHT = 8704
_PLANAR = ("yuv420p", "yuv422p", "yuv444p")


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """One encoder of FFmpeg, and how it is spoken to."""

    name: str
    family: str
    """The codec: h264, hevc, av1, vp9."""
    crf: int
    """The quality that is taken where none is asked for; lower is better."""
    best_crf: int = 0
    highest_crf: int = 51
    quality: str = "crf"
    """The option that takes it."""
    speed: str | None = "preset"
    presets: tuple[str, ...] = _X26X
    preset: str | None = "veryfast"
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Options that are always set."""
    pixel_formats: tuple[str, ...] = _PLANAR
    device: str | None = None
    """What kind of hardware it needs, in words; None for one that runs on the CPU."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for a library that has no option for this; a user's own setting stays."""
    upload: str | None = None
    """The FFmpeg device that frames must be uploaded to."""

    def options(self, crf: int | None, preset: str | None) -> dict[str, str]:
        """FFmpeg's options for a quality and a preset. Raises BadInputError for ones that this encoder has not."""
        crf = self.crf if crf is None else crf
        if not self.best_crf <= crf <= self.highest_crf:
            raise BadInputError(f"`crf` for {self.name} is {self.best_crf} (best) to {self.highest_crf}, got {crf}")
        options = {**self.fixed, self.quality: str(crf)}
        preset = preset or self.preset
        if preset is not None:
            if self.speed is None or preset not in self.presets:
                raise BadInputError(f"{self.name} has no preset {preset!r}{nearest(preset, self.presets)}")
            options[self.speed] = preset
        return options


def _nvenc(family: str) -> Encoder:
    return Encoder(
        name=f"{family}_nvenc",
        family=family,
        crf=30 if family == "av1" else 23,
        best_crf=1,  # to NVENC, 0 means a quality of its own choice
        quality="cq",
        presets=_NVENC,
        preset="p4",
        fixed={"rc": "vbr"},
        pixel_formats=("yuv420p",) if family == "av1" else ("yuv420p", "yuv444p"),
        device="an NVIDIA GPU with a video encoder",
    )


def _vaapi(family: str) -> Encoder:
    return Encoder(
        name=f"{family}_vaapi",
        family=family,
        crf=23,
        quality="qp",
        speed=None,
        presets=(),
        preset=None,
        pixel_formats=("nv12",),
        device="a GPU with VA-API",
        upload="vaapi",
    )


def _qsv(family: str) -> Encoder:
    return Encoder(
        name=f"{family}_qsv",
        family=family,
        crf=23,
        quality="global_quality",
        presets=_QSV,
        pixel_formats=("nv12",),
        device="an Intel GPU with Quick Sync",
    )


def _videotoolbox(family: str) -> Encoder:
    return Encoder(
        name=f"{family}_videotoolbox",
        family=family,
        crf=45,
        highest_crf=99,
        quality="global_quality",
        speed=None,
        presets=(),
        preset=None,
        fixed={"flags": "+qscale"},
        pixel_formats=("nv12",),
        device="a Mac",
    )


_ENCODERS = [
    Encoder(name="libx264", family="h264", crf=20),
    Encoder(name="libx265", family="hevc", crf=23, fixed={"x265-params": "log-level=error"}),
    Encoder(
        name="libsvtav1",
        family="av1",
        crf=32,
        highest_crf=63,
        presets=tuple(str(n) for n in range(14)),
        preset="8",
        environment={"SVT_LOG": "1"},  # errors only: else it talks on stderr
        pixel_formats=("yuv420p",),
    ),
    Encoder(
        name="libvpx-vp9",
        family="vp9",
        crf=31,
        highest_crf=63,
        speed="cpu-used",
        presets=tuple(str(n) for n in range(9)),
        preset="5",
        fixed={"deadline": "good", "row-mt": "1"},
    ),
    *(make(family) for make in (_nvenc, _vaapi, _qsv, _videotoolbox) for family in ("h264", "hevc")),
    _nvenc("av1"),
]

CODECS = {
    **{encoder.family: encoder for encoder in reversed(_ENCODERS) if encoder.device is None},
    **{encoder.name: encoder for encoder in _ENCODERS},
}
"""By codec (the CPU's encoder) and by the encoder's own name."""

_FITTING = {"webm": ("vp9", "av1"), "mov": ("h264", "hevc"), "mp4": ("h264", "hevc", "av1", "vp9")}


def choose_encoder(codec: str | None, muxer: str) -> Encoder:
    """The encoder for a codec or encoder name in a file of `muxer`; None and AUTO_CODEC: h264, or vp9 in WebM.

    Raises BadInputError for a name that is not known or does not fit the file, OutputError where this FFmpeg has no
    such encoder.
    """
    if codec in (None, AUTO_CODEC):
        codec = "vp9" if muxer == "webm" else "h264"
    encoder = CODECS.get(codec)
    if encoder is None:
        raise BadInputError(f"no codec is called {codec!r}{nearest(codec, [*CODECS, AUTO_CODEC])}")
    fitting = _FITTING.get(muxer)
    if fitting is not None and encoder.family not in fitting:
        raise BadInputError(
            f"a {muxer} file takes {' or '.join(fitting)}, got `codec` {codec}", hint="use .mkv or another codec"
        )
    try:
        av.Codec(encoder.name, "w")
    except ValueError as error:
        need = f", it needs {encoder.device}" if encoder.device else ""
        raise OutputError(f"{encoder.name} is not in this machine's FFmpeg{need}", hint="try `codec` h264") from error
    return encoder


def check_size(encoder: Encoder, size: tuple[int, int]) -> None:
    """Raise BadInputError for a (width, height) that is more than the codec allows."""
    width, height = size
    highest = _AV1_HEIGHT if encoder.family == "av1" else LARGEST_SIDE
    too_many = -(-width // 16) * -(-height // 16) > _MOST_MACROBLOCKS
    if width > LARGEST_SIDE or height > highest or too_many:
        raise BadInputError(
            f"{encoder.family} allows pictures of up to {LARGEST_SIDE}x{highest} and 35.6 million pixels, the result "
            f"would have {width}x{height}",
            hint="make it smaller with `size` or a lower `sr`",
        )


def pixel_format_for(encoder: Encoder, source_format: str, size: tuple[int, int]) -> str:
    """The pixel format to encode in: chroma as in the source, where the encoder has it.

    Odd sizes keep their size: 4:2:0 can hold them in VP9; elsewhere they are written as 4:4:4.
    Raises BadInputError where the encoder cannot hold the size at all.
    """
    odd_width, odd_height = size[0] % 2 == 1, size[1] % 2 == 1
    wanted = next((name for name in ("yuv444p", "yuv422p") if name[3:6] in source_format), "yuv420p")
    if wanted not in encoder.pixel_formats:
        wanted = encoder.pixel_formats[0]
    if encoder.family == "vp9":
        return wanted
    if wanted != "yuv444p" and (odd_width or (odd_height and wanted != "yuv422p")):
        if "yuv444p" not in encoder.pixel_formats:
            raise BadInputError(
                f"{encoder.name} needs even sizes, got {size[0]}x{size[1]}",
                hint=f"try `size` {size[0] // 2 * 2}x{size[1] // 2 * 2}",
            )
        return "yuv444p"
    return wanted


def faster_encoder(on_cpu: Encoder, size: tuple[int, int], source_format: str, notice: Notice) -> Encoder:
    """NVIDIA's encoder of the same codec where it opens for (width, height), else the CPU's.

    source_format: as for `pixel_format_for`. Tells which it is and why, where there is a GPU.
    """
    on_gpu = CODECS.get(f"{on_cpu.family}_nvenc")
    try:
        find_gpu()
    except BackendError:
        return on_cpu
    if on_gpu is None:
        return on_cpu
    try:
        _open_once(on_gpu, size, pixel_format_for(on_gpu, source_format, size))
    except (av.FFmpegError, ValueError, BadInputError) as error:
        notice(f"the CPU encodes: {on_gpu.name} does not open ({error_reason(error)}): {why_no_nvenc()}")
        return on_cpu
    notice(f"the GPU encodes with {on_gpu.name}; --codec {on_cpu.family} changes it")
    return on_gpu


def why_no_nvenc() -> str:
    """What is missing where NVIDIA's encoder does not open, in a few words."""
    try:
        gpu = find_gpu()
    except BackendError as error:
        return str(error).partition(":")[0]
    return f"{gpu.name} has no such encoder (A100, H100 and H200 have none), does not take this size, or has no room"


def _open_once(encoder: Encoder, size: tuple[int, int], pixel_format: str) -> None:
    """Open the encoder as the writer will. Raises what PyAV raises."""
    context = av.CodecContext.create(encoder.name, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height = size
    context.pix_fmt = pixel_format
    context.time_base = Fraction(1, 30)
    context.options = dict(encoder.options(None, None))
    context.open()
