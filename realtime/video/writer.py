"""Writes painted pictures to a video file that appears under its name only when it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from engines.contract import Picture
from engines.errors import BadInputError, OutputError
from realtime.stats import now_ns
from realtime.video.colour import Colour, ToVideo
from realtime.video.encoders import CONTAINERS, Encoder, why_no_nvenc

__all__ = ["VideoWriter", "check_target", "muxer_of"]

_FRAME_DURATION = 1 << 8  # AV_CODEC_FLAG_FRAME_DURATION: packets get their frame's duration


def muxer_of(target: Path) -> str:
    """FFmpeg's muxer for the ending of `target`. Raises BadInputError for one that is not in CONTAINERS."""
    try:
        return CONTAINERS[target.suffix.lower()]
    except KeyError:
        known = ", ".join(CONTAINERS)
        raise BadInputError(f"{target}: expected an output that ends in {known}") from None


def check_target(source: Path, target: Path, *, overwrite: bool) -> None:
    """Refuse early what would fail late. Raises BadInputError, OutputError."""
    muxer_of(target)
    if target.is_dir():
        raise OutputError(f"{target}: expected a file to write, got a folder")
    if not target.parent.is_dir():
        raise OutputError(f"{target}: there is no folder {target.parent}: make it first")
    if target.exists():
        if source.exists() and os.path.samefile(source, target):
            raise BadInputError(f"{target}: the output would overwrite the input: give it another name")
        if not overwrite:
            raise OutputError(f"{target}: exists already", hint="use `overwrite` to overwrite it")


def _container_options(muxer: str, time_base: Fraction) -> dict[str, str]:
    if muxer in ("matroska", "webm"):
        # else sound that begins a little before 0, as AAC does, would move everything
        return {"avoid_negative_ts": "disabled"}
    # the clock that says when a late stream begins: in milliseconds, its usual unit, that would not be exact
    clock = time_base.denominator * -(-1000 // time_base.denominator)
    return {"movflags": "+faststart", "movie_timescale": str(clock)}


class VideoWriter:
    """One video stream in a container that others may add streams to before the first picture.

    Use it in a `with` block: a file that was not committed is removed at its end.
    """

    def __init__(
        self,
        target: Path,
        *,
        encoder: Encoder,
        options: Mapping[str, str],
        size: tuple[int, int],
        pixel_format: str,
        colour: Colour,
        time_base: Fraction,
        rate: Fraction,
        sample_aspect_ratio: Fraction,
        threads: int | None = None,
    ) -> None:
        self.target = target
        self._part = target.with_name(f".{target.name}.{os.getpid()}.part")
        self._to_video = ToVideo(colour, pixel_format)
        self._time_base = time_base
        self._encoder = encoder
        self.end: int | None = None
        """Where the last picture ends, in ticks of the time base; None before the first one."""
        self._duration = max(1, round(1 / rate / time_base))
        self.busy_ns = self.convert_ns = 0
        """Time spent in `write` and `finish`, and what of it went into making pictures what the encoder takes."""
        muxer = muxer_of(target)
        with self.errors():
            self._part.touch()  # a folder that cannot be written is found out now
        try:
            with self.errors():
                self.container: OutputContainer = av.open(
                    str(self._part), "w", format=muxer, container_options=_container_options(muxer, time_base)
                )
                self.stream = self._add_stream(options, rate, threads)
            context = self.stream.codec_context
            context.width, context.height = size
            context.pix_fmt = pixel_format
            context.time_base = time_base
            context.sample_aspect_ratio = sample_aspect_ratio
            context.color_range, context.colorspace = colour.range, colour.matrix
            context.color_primaries, context.color_trc = colour.primaries, colour.transfer
            context.flags |= _FRAME_DURATION
            if encoder.family == "hevc" and muxer in ("mp4", "mov"):
                context.codec_tag = "hvc1"  # the one that Apple's players take
            self.stream.time_base = time_base
            self._open(context)
        except BaseException:
            self.discard()
            raise

    def _add_stream(self, options: Mapping[str, str], rate: Fraction, threads: int | None) -> VideoStream:
        for name, value in self._encoder.environment.items():
            os.environ.setdefault(name, value)
        hardware = {}
        if self._encoder.upload is not None:
            from av.codec.hwaccel import HWAccel  # noqa: PLC0415

            hardware["hwaccel"] = HWAccel(self._encoder.upload)
        stream = self.container.add_stream(self._encoder.name, rate=rate, options=dict(options), **hardware)
        assert isinstance(stream, VideoStream)
        # whole frames in parallel: slices, PyAV's choice, cost quality
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = threads or 0
        return stream

    def _open(self, context: VideoCodecContext) -> None:
        try:
            context.open(strict=False)
        except (av.FFmpegError, ValueError) as error:
            need = f": it needs {self._encoder.device}" if self._encoder.device else ""
            if self._encoder.name.endswith("_nvenc"):
                need += f"; {why_no_nvenc()}"
            raise OutputError(
                f"{self._encoder.name} cannot encode {context.width}x{context.height} {context.pix_fmt} here{need}",
                hint="try `codec` h264",
            ) from error

    def begin(self) -> None:
        """Write the file's head, when all streams are there. Raises OutputError."""
        with self.errors():
            self.container.start_encoding()

    def write(self, picture: Picture, *, pts: int, duration: int) -> None:
        """Encode one picture, uint8 `(h, w, 3)` RGB; pts and duration in ticks. Raises OutputError."""
        began_ns = now_ns()
        frame = self._to_video(picture)
        self.convert_ns += now_ns() - began_ns
        frame.pts, frame.time_base = pts, self._time_base
        frame.duration = duration or self._duration
        self.end = pts + frame.duration
        with self.errors():
            self.container.mux(self.stream.encode(frame))
        self.busy_ns += now_ns() - began_ns

    @property
    def end_s(self) -> Fraction:
        """Where the last picture ends, in seconds from the start of the output."""
        return Fraction(self.end or 0) * self._time_base

    def finish(self) -> None:
        """Write what the encoder still holds, and the end of the file. Raises OutputError."""
        began_ns = now_ns()
        with self.errors():
            self.container.mux(self.stream.encode(None))
            self.container.close()
        self.busy_ns += now_ns() - began_ns

    def commit(self, *, overwrite: bool) -> None:
        """Give the finished file its name. Raises OutputError."""
        if not overwrite and self.target.exists():
            raise OutputError(
                f"{self.target}: has appeared while the video was painted", hint="use `overwrite` to overwrite it"
            )
        with self.errors():
            os.replace(self._part, self.target)

    def discard(self) -> None:
        """Remove what was not committed. May be called twice."""
        container = getattr(self, "container", None)
        if container is not None:
            with suppress(av.FFmpegError, OSError, ValueError):
                container.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Errors of the file system and of FFmpeg become one line that names the output."""
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"{self.target}: cannot be written: {error.strerror or error}") from error

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()
