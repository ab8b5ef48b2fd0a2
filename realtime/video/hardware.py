"""NVIDIA's video decoder and encoder: whether they can be used for a video, and whether that is faster.

Both are reached through PyAV, whose wheels hold FFmpeg with CUDA. The decoder is that of the codec itself with CUDA
behind it (`HWAccel`), not `h264_cuvid` and its like: timestamps and damaged places stay a matter of FFmpeg, as on the
CPU. Frames come back as nv12 or p010 and are made RGB on the CPU. Not yet run on a GPU.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer

from engines.errors import BackendError, BadInputError, SourceError
from engines.names import nearest
from engines.nvidia.driver import WAY_ON, find_gpu
from realtime.video.decoders import LENIENT, Notice, open_source, video_stream
from realtime.video.encoders import CODECS, Encoder, pixel_format_for

__all__ = [
    "AUTO",
    "CPU",
    "CUDA",
    "DECODERS",
    "check_decoder",
    "choose_decoder",
    "faster_encoder",
    "open_decoder",
    "why_no_nvenc",
]

AUTO, CPU, CUDA = "auto", "cpu", "cuda"
DECODERS = (AUTO, CPU, CUDA)

_TRIAL_FRAMES, _TRIAL_S = 60, 0.5
"""A trial decodes so many frames, or for so long: little beside any video for which it matters."""
_ON_THE_CPU = "use `decoder` cpu"


def check_decoder(name: str) -> None:
    """Raise BadInputError for a name that is not in DECODERS."""
    if name not in DECODERS:
        raise BadInputError(f"a decoder is one of {', '.join(DECODERS)}, got {name!r}{nearest(name, DECODERS)}")


def choose_decoder(path: Path, wanted: str, notice: Notice) -> str:
    """CPU or CUDA, for a video and one of DECODERS.

    CUDA is used or is an error, after a trial on the video itself. AUTO takes it where a GPU is there and the trial
    shows that it is faster; without a GPU it is CPU, and nothing is tried. Raises BackendError, SourceError.
    """
    check_decoder(wanted)
    if wanted == CPU:
        return CPU
    try:
        find_gpu()
    except BackendError as error:
        if wanted == AUTO:
            return CPU
        raise BackendError(f"`decoder` cuda: {_reason(error, _ON_THE_CPU)}") from error
    try:
        on_gpu = _frames_a_second(path, CUDA)
    except BackendError as error:
        if wanted == CUDA:
            raise
        notice(f"the CPU decodes: {error}")
        return CPU
    if wanted == CUDA:
        return CUDA
    on_cpu = _frames_a_second(path, CPU)
    if on_gpu <= on_cpu:
        return CPU
    notice(f"the GPU decodes: {on_gpu:.0f} frames/s in a trial, the CPU {on_cpu:.0f}; --decoder cpu changes it")
    return CUDA


@contextmanager
def open_decoder(path: Path, decoder: str) -> Iterator[InputContainer]:
    """As `open_source`; with CUDA the video is decoded on the GPU or that is an error. Raises BackendError, too."""
    with open_source(path) as container:
        video_stream(container, path)  # what is wrong with the file is said before what is wrong with the GPU
        if decoder == CPU:
            yield container
            return
    if CUDA not in hwdevices_available():
        raise BackendError(
            f"this PyAV ({av.__version__}) was built without CUDA", hint=f"install its wheel, or {_ON_THE_CPU}"
        )
    with _translated(path, decoder):
        container = av.open(os.path.abspath(path), hwaccel=HWAccel(CUDA, allow_software_fallback=False), **LENIENT)
    with container:
        context = video_stream(container, path).codec_context
        if not context.is_hwaccel:  # another stream of the file is decoded there
            raise BackendError(f"the GPU does not decode {path} (no {context.name})", hint=_ON_THE_CPU)
        yield container


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
        notice(f"the CPU encodes: {on_gpu.name} does not open ({_vendor(error)}): {why_no_nvenc()}")
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


def _frames_a_second(path: Path, decoder: str) -> float:
    """How fast the first frames are decoded; 0 for a video of one frame. Raises what `open_decoder` raises."""
    with open_decoder(path, decoder) as container, _translated(path, decoder):
        stream = video_stream(container, path)
        if decoder == CPU:
            stream.thread_type = "AUTO"
        began = last = 0.0
        frames = 0
        for _ in container.decode(stream):
            last = time.perf_counter()
            began = began or last
            frames += 1
            if frames >= _TRIAL_FRAMES or last - began > _TRIAL_S:
                break
        if not frames:
            raise ValueError("not one frame came")
        return (frames - 1) / (last - began) if frames > 1 else 0.0


@contextmanager
def _translated(path: Path, decoder: str) -> Iterator[None]:
    """What PyAV raises where the GPU cannot decode; it has no words of its own for why."""
    try:
        yield
    except (av.FFmpegError, RuntimeError, NotImplementedError, ValueError) as error:
        if decoder == CPU:
            raise SourceError(f"{path}: not one frame of its video can be decoded") from error
        raise BackendError(f"the GPU does not decode {path} ({_vendor(error)})", hint=_ON_THE_CPU) from error


def _open_once(encoder: Encoder, size: tuple[int, int], pixel_format: str) -> None:
    """Open the encoder as the writer will. Raises what PyAV raises."""
    context = av.CodecContext.create(encoder.name, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height = size
    context.pix_fmt = pixel_format
    context.time_base = Fraction(1, 30)
    context.options = dict(encoder.options(None, None))
    context.open()


def _reason(error: BackendError, way_on: str) -> str:
    """The line about a missing GPU, with this way on in the place of the engines'."""
    return str(error).replace(WAY_ON, way_on)


def _vendor(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
