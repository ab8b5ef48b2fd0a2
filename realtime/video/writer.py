"""Writes pictures to video files that appear under their names only when they are complete.

`VideoWriter` is for a video made from another one: every codec and container, other streams beside the pictures.
`RecordingWriter` is for pictures that come live, each at the time it was taken:

>>> writer = RecordingWriter(Path("out.mp4"), (640, 480), replace=False)
>>> writer.write(picture, now_ns())  # uint8 (480, 640, 3) RGB
>>> writer.close()
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from engines.contract import Picture
from engines.errors import BadInputError, OutputError
from engines.lifecycle import Closing
from realtime.stats import now_ns
from realtime.video.colour import BT709, Colour, ToVideo
from realtime.video.decoders import error_reason
from realtime.video.encoders import CODECS, CONTAINERS, Encoder, check_size, choose_encoder, why_no_nvenc

__all__ = [
    "EncoderReport",
    "RecordingWriter",
    "VideoWriter",
    "check_recording",
    "check_target",
    "encoder_reports",
    "muxer_of",
]

_FRAME_DURATION = 1 << 8  # AV_CODEC_FLAG_FRAME_DURATION: packets get their frame's duration
_RECORDING_TIME_BASE = Fraction(1, 90_000)
_TRIAL_SIDE = 256
"""Of the picture that shows whether an encoder works: hardware refuses much smaller ones."""


class _WriteError(OutputError):
    """FFmpeg or the file system has refused to write."""

    def __init__(self, target: Path, reason: str) -> None:
        super().__init__(f"{target}: cannot be written: {reason}")
        self.reason = reason


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


def _container_options(muxer: str, time_base: Fraction, *, crash_safe: bool) -> dict[str, str]:
    if crash_safe:
        return {"movflags": "hybrid_fragmented", "flush_packets": "1"}
    if muxer in ("matroska", "webm"):
        # else sound that begins a little before 0, as AAC does, would move everything
        return {"avoid_negative_ts": "disabled"}
    # the clock that says when a late stream begins: in milliseconds, its usual unit, that would not be exact
    clock = time_base.denominator * -(-1000 // time_base.denominator)
    return {"movflags": "+faststart", "movie_timescale": str(clock)}


class VideoWriter(Closing):
    """One video stream in a container that others may add streams to before the first picture.

    Use it in a `with` block: a file that was not committed is removed at its end. Not for several threads at once.
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
        crash_safe: bool = False,
    ) -> None:
        """crash_safe: for MP4, whose index would come last: the unfinished file can be played at any moment, and the
        encoder holds back less of it. It cannot have B-frames, which need an edit list, nor streams that begin late.
        """
        self.target = target
        unfinished = (
            f"{target.stem}.{os.getpid()}.part{target.suffix}" if crash_safe else f"{target.name}.{os.getpid()}.part"
        )
        self.temporary = target.with_name(f".{unfinished}")
        """Where the file is until it is committed."""
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
            self.temporary.touch()  # a folder that cannot be written is found out now
        try:
            with self.errors():
                container_options = _container_options(muxer, time_base, crash_safe=crash_safe)
                self.container: OutputContainer = av.open(
                    str(self.temporary), "w", format=muxer, container_options=container_options
                )
                self.stream = self._add_stream(options, rate)
            context = self.stream.codec_context
            # whole frames in parallel: slices, PyAV's choice, cost quality, but hold back fewer frames
            context.thread_type = "SLICE" if crash_safe else "AUTO"
            context.thread_count = threads or 0
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
            self.close()
            raise

    def _add_stream(self, options: Mapping[str, str], rate: Fraction) -> VideoStream:
        for name, value in self._encoder.environment.items():
            os.environ.setdefault(name, value)
        hardware = {}
        if self._encoder.upload is not None:
            from av.codec.hwaccel import HWAccel  # noqa: PLC0415

            hardware["hwaccel"] = HWAccel(self._encoder.upload)
        stream = self.container.add_stream(self._encoder.name, rate=rate, options=dict(options), **hardware)
        assert isinstance(stream, VideoStream)
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
            os.replace(self.temporary, self.target)

    def abandon(self) -> None:
        """Close the file as it is, under its temporary name, without another error. May be called twice."""
        container = getattr(self, "container", None)
        if container is not None:
            with suppress(av.FFmpegError, OSError, ValueError):
                container.close()

    def close(self) -> None:
        """Remove what was not committed. May be called twice."""
        self.abandon()
        with suppress(OSError):
            self.temporary.unlink(missing_ok=True)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Errors of the file system and of FFmpeg become one line that names the output."""
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise _WriteError(self.target, error_reason(error)) from error


class RecordingWriter:
    """Pictures that come live, as H.264 in MP4 at a variable rate: every picture at the time it was taken.

    Writes under a temporary name beside `path`, which appears when `close` has made it complete. The temporary file can
    be played at any moment, up to the last second or two: a killed process or a full disk loses no more. Encoding takes
    its time: whoever must not wait for it has a bounded queue and a thread before it. Not for several threads at once.
    """

    def __init__(self, path: Path, size: tuple[int, int], *, replace: bool) -> None:
        """`size` is (width, height); an odd side gets one more line, which 4:2:0 needs. Raises OutputError."""
        check_recording(path, replace=replace)
        encoder = choose_encoder("h264", "mp4")
        try:
            check_size(encoder, size)
        except BadInputError as error:
            raise OutputError(f"{path}: cannot be recorded: {error}", hint=error.hint) from error
        self.path, self.frames = path, 0
        self._size, self._replace, self._closed = size, replace, False
        self._began_ns: int | None = None
        self._last_ticks = -1
        with self._errors():
            self._writer = VideoWriter(
                path,
                encoder=encoder,
                options={**encoder.options(None, None), "bf": "0", "g": "60"},
                size=(size[0] + size[0] % 2, size[1] + size[1] % 2),
                pixel_format="yuv420p",
                colour=Colour(matrix=BT709, full_range=False, primaries=BT709, transfer=BT709),
                time_base=_RECORDING_TIME_BASE,
                rate=Fraction(30),
                sample_aspect_ratio=Fraction(1),
                crash_safe=True,
            )

    @property
    def temporary(self) -> Path:
        """Where the recording is until it is complete."""
        return self._writer.temporary

    def write(self, picture: Picture, stamp_ns: int) -> None:
        """Add a uint8 `(h, w, 3)` RGB picture of the recording's size, taken at `stamp_ns`; the first is at time 0.

        One that is not later than the last is moved on by 1/90000 s. Raises OutputError, and BadInputError for a
        picture of another size.
        """
        height, width = picture.shape[:2]
        if (width, height) != self._size:
            raise BadInputError(f"expected pictures of {self._size[0]}x{self._size[1]}, got {width}x{height}")
        if self._began_ns is None:
            self._began_ns = stamp_ns
        ticks = round((stamp_ns - self._began_ns) * _RECORDING_TIME_BASE.denominator / 1e9)
        ticks = max(ticks, self._last_ticks + 1)
        even = np.ascontiguousarray(picture)
        if width % 2 or height % 2:
            even = np.asarray(cv2.copyMakeBorder(even, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8)
        with self._errors():
            self._writer.write(even, pts=ticks, duration=0)
        self._last_ticks = ticks
        self.frames += 1

    def close(self) -> None:
        """Finish the file and give it its name; without a picture there is none. May be called twice.

        Raises OutputError, and the recording stays under its temporary name, then.
        """
        if self._closed:
            return
        self._closed = True
        if not self.frames:
            self._writer.close()
            return
        try:
            with self._errors():
                self._writer.finish()
            if self.path.exists() and not self._replace:
                raise OutputError(f"{self.path} came into being meanwhile: the recording is {self.temporary}")
            with self._errors():
                self._writer.commit(overwrite=True)
        except OutputError:
            self.abandon()
            raise

    def abandon(self) -> None:
        """After an error: keep what can be played under the temporary name, without another error."""
        self._closed = True
        if self.frames:
            self._writer.abandon()
        else:
            self._writer.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except _WriteError as error:
            kept = f"; what was recorded is in {self.temporary}" if self.frames else ""
            raise OutputError(f"{self.path}: cannot be recorded: {error.reason}{kept}") from error


def check_recording(path: Path, *, replace: bool) -> None:
    """Raise OutputError where a recording could not get the name `path`."""
    if path.suffix.lower() != ".mp4":
        raise OutputError(f"a recording is an .mp4 file, got {path}")
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file in it")
    if path.exists() and not replace:
        raise OutputError(f"{path} exists already", hint="choose another name, or pass `overwrite` to replace it")
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent}: no such folder: make it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent}: this folder cannot be written to")


@dataclass(frozen=True, kw_only=True)
class EncoderReport:
    """Whether an encoder can be used here, and why."""

    name: str
    family: str
    """The codec: h264, hevc, av1, vp9."""
    device: str | None
    """The hardware that it needs, in words; None for one that runs on the CPU."""
    usable: bool
    text: str
    """Why it cannot be used; empty where it can."""


def encoder_reports() -> list[EncoderReport]:
    """One for each encoder that `rtstyle video` knows, those of the CPU first."""
    return [_report(encoder) for name, encoder in CODECS.items() if name == encoder.name]


def _report(encoder: Encoder) -> EncoderReport:
    text = ""
    try:
        choose_encoder(encoder.name, "matroska")
        if encoder.device is not None:
            with tempfile.TemporaryDirectory() as folder:
                _try(encoder, Path(folder) / "trial.mkv")
    except OutputError as error:
        text = str(error)
    return EncoderReport(name=encoder.name, family=encoder.family, device=encoder.device, usable=not text, text=text)


def _try(encoder: Encoder, target: Path) -> None:
    """Encode one picture, as `rtstyle video` does. Raises OutputError."""
    os.environ.setdefault("LIBVA_MESSAGING_LEVEL", "0")  # VA-API's library talks on stderr otherwise
    writer = VideoWriter(
        target,
        encoder=encoder,
        options=encoder.options(None, None),
        size=(_TRIAL_SIDE, _TRIAL_SIDE),
        pixel_format=encoder.pixel_formats[0],
        colour=Colour(matrix=BT709, full_range=False),
        time_base=Fraction(1, 25),
        rate=Fraction(25),
        sample_aspect_ratio=Fraction(1),
    )
    with writer:
        try:
            writer.begin()
            writer.write(np.zeros((_TRIAL_SIDE, _TRIAL_SIDE, 3), np.uint8), pts=0, duration=1)
            writer.finish()
        except _WriteError as error:
            raise OutputError(f"{encoder.name} can be opened here, but encodes nothing: {error.reason}") from error
