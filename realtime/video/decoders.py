"""Opening a video file: its streams, its packets and its clock, and whether the CPU or an NVIDIA GPU decodes it.

The GPU's decoder is reached through PyAV, whose wheels hold FFmpeg with CUDA. It is that of the codec itself with CUDA
behind it (`HWAccel`), not `h264_cuvid` and its like: timestamps and damaged places stay a matter of FFmpeg, as on the
CPU. Frames come back as nv12 or p010 and are made RGB on the CPU. Not yet run on a GPU.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from engines.errors import BackendError, BadInputError, SourceError
from engines.names import nearest
from engines.nvidia.driver import WAY_ON, find_gpu

__all__ = [
    "ATTACHED_PICTURE",
    "AUTO",
    "CPU",
    "CUDA",
    "DECODERS",
    "Notice",
    "check_decoder",
    "choose_decoder",
    "decoding_rate",
    "error_reason",
    "exact",
    "open_decoder",
    "open_video",
    "origin_of",
    "packets_of",
    "ticks",
    "video_stream",
]

Notice = Callable[[str], None]
"""Told, in one line, what was not done quite as asked."""

AUTO, CPU, CUDA = "auto", "cpu", "cuda"
DECODERS = (AUTO, CPU, CUDA)

_TRIAL_FRAMES, _TRIAL_S = 60, 0.5
"""A trial decodes so many frames, or for so long: little beside any video for which it matters."""
_ON_THE_CPU = "use `decoder` cpu"

ATTACHED_PICTURE = 1 << 10
"""The disposition of a cover picture, which is no video although it is stored as one."""

_LENIENT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Titles that are not UTF-8 are no reason to stop; from version 19 on PyAV sees it so by itself."""
_PICTURES = ("image2", "_pipe", "tty", "webp_anim", "apng")
_GIVE_UP = 16
"""Failures in a row after which nothing more is expected of a file."""
_FREE_RUNNING_CLOCK = 1 << 9  # AVFMT_TS_DISCONT: MPEG-TS and its like, whose clock starts anywhere


class _Rational(Protocol):
    @property
    def numerator(self) -> int: ...

    @property
    def denominator(self) -> int: ...


def exact(value: _Rational) -> Fraction:
    """The same number as a Fraction: PyAV has a type of its own for time bases from version 19 on."""
    return Fraction(value.numerator, value.denominator)


def ticks(seconds: Fraction, time_base: Fraction) -> int:
    """The nearest whole number of `time_base` in `seconds`."""
    return round(seconds / time_base)


@contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """The file, opened for reading. Raises SourceError where it cannot be, in one line."""
    try:
        container = av.open(os.path.abspath(path), "r", **_LENIENT)
    except FileNotFoundError as error:
        raise SourceError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise SourceError(f"{path}: expected a video file, got a folder") from error
    except PermissionError as error:
        raise SourceError(f"{path}: cannot be read: permission denied") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SourceError(
            f"{path}: expected a video file, but it cannot be read as one: empty, damaged or of another kind"
        ) from error
    with container:
        yield container


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream to be painted: the best one that is not a cover picture. Raises SourceError."""
    name = container.format.name
    if any(part in name for part in _PICTURES):
        raise SourceError(f"{path}: expected a video, got a picture or text: for pictures there is rtstyle image")
    streams = [s for s in container.streams.video if not int(s.disposition) & ATTACHED_PICTURE]
    if not streams:
        raise SourceError(f"{path}: expected a video, but there is no video stream in it")
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in streams else streams[0]
    if stream.codec_context is None:
        raise SourceError(f"{path}: its video is in a codec that this FFmpeg cannot decode")
    return stream


def packets_of(
    container: InputContainer, streams: Sequence[Stream] | None = None, *, damaged: Callable[[], None]
) -> Iterator[Packet[Stream]]:
    """All packets with content, of all streams or of some, from where the file stands to its end.

    A place that cannot be read is passed over; `damaged` is called for each.
    """
    failures = 0
    while failures < _GIVE_UP:
        try:
            for packet in container.demux(*(() if streams is None else (streams,))):
                if packet.size:
                    failures = 0
                    yield packet
            return
        except av.EOFError:
            return
        except av.FFmpegError:
            failures += 1
            damaged()


def origin_of(container: InputContainer) -> Fraction:
    """Where the file's clock starts, in seconds, if that is a meaningless number, as in MPEG-TS; else 0."""
    if not container.format.flags & _FREE_RUNNING_CLOCK:
        return Fraction(0)
    starts = [
        s.start_time * exact(s.time_base)
        for s in container.streams
        if s.start_time is not None and s.time_base is not None
    ]
    return min(starts, default=Fraction(0))


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
        raise BackendError(f"`decoder` cuda: {str(error).replace(WAY_ON, _ON_THE_CPU)}") from error
    try:
        on_gpu = decoding_rate(path, CUDA)
    except BackendError as error:
        if wanted == CUDA:
            raise
        notice(f"the CPU decodes: {error.full_text}")
        return CPU
    if wanted == CUDA:
        return CUDA
    on_cpu = decoding_rate(path, CPU)
    if on_gpu <= on_cpu:
        return CPU
    notice(f"the GPU decodes: {on_gpu:.0f} frames/s in a trial, the CPU {on_cpu:.0f}; --decoder cpu changes it")
    return CUDA


@contextmanager
def open_decoder(path: Path, decoder: str) -> Iterator[InputContainer]:
    """As `open_video`; with CUDA the video is decoded on the GPU or that is an error. Raises BackendError, too."""
    with open_video(path) as container:
        video_stream(container, path)  # what is wrong with the file is said before what is wrong with the GPU
        if decoder == CPU:
            yield container
            return
    if CUDA not in hwdevices_available():
        raise BackendError(
            f"this PyAV ({av.__version__}) was built without CUDA", hint=f"install its wheel, or {_ON_THE_CPU}"
        )
    with _translated(path, decoder):
        container = av.open(os.path.abspath(path), hwaccel=HWAccel(CUDA, allow_software_fallback=False), **_LENIENT)
    with container:
        context = video_stream(container, path).codec_context
        if not context.is_hwaccel:  # another stream of the file is decoded there
            raise BackendError(f"the GPU does not decode {path} (no {context.name})", hint=_ON_THE_CPU)
        yield container


def decoding_rate(path: Path, decoder: str) -> float:
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
        raise BackendError(f"the GPU does not decode {path} ({error_reason(error)})", hint=_ON_THE_CPU) from error


def error_reason(error: Exception) -> str:
    """What PyAV or the file system says of an error, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
