"""A video file from one end to the other: three threads read, paint and write, so that all three overlap.

>>> job = VideoJob(source=Path("in.mp4"), target=Path("out.mp4"), pipeline=resolve(StyleOptions(style="udnie")))
>>> summary = stylize_video_file(job)
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from engines.backends import AUTO
from engines.contract import EngineOptions
from engines.errors import BadInputError
from realtime.pipeline import Pipeline, ResolvedPipeline, joined, open_pipeline
from realtime.stats import Rate, now_ns
from realtime.tasks import BoundedQueue, Closed, TaskGroup
from realtime.user_options import check_frame_size
from realtime.video.decoders import Notice, check_decoder, choose_decoder, open_decoder, open_video
from realtime.video.encoders import AUTO_CODEC, Encoder, check_size, choose_encoder, faster_encoder, pixel_format_for
from realtime.video.reader import TimedPicture, VideoReader
from realtime.video.stream_copy import Passthrough, TimeRange
from realtime.video.streams import add_streams
from realtime.video.writer import VideoWriter, check_target, muxer_of

__all__ = ["Progress", "VideoJob", "VideoSummary", "parse_time", "stylize_video_file"]

Progress = Callable[[int, "int | None", float], None]
"""Told of every frame written, from another thread: frames so far, about how many there will be, frames per second."""

_QUEUE = 4
"""Pictures between two stages: enough to ride over an uneven frame, little enough for 4K."""


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoJob:
    """One video file to be painted or enlarged."""

    source: Path
    target: Path
    """Its ending says what kind of file is written: one of encoders.CONTAINERS."""
    pipeline: ResolvedPipeline
    start_s: Fraction | None = None
    """The first frame is the first one at or after this time."""
    end_s: Fraction | None = None
    """The last frame is the last one before this time."""
    size: tuple[int, int] | None = None
    """(width, height) of the frames that the net sees, upright; None: those of the video."""
    codec: str | None = None
    """A name from encoders.CODECS; None: h264, or vp9 in a .webm file; encoders.AUTO_CODEC: the same, by the GPU's
    encoder where there is one."""
    crf: int | None = None
    """Quality: lower is better and larger. None: the codec's usual one."""
    preset: str | None = None
    """The encoder's own word for how much time it takes. None: a fast one."""
    decoder: str = AUTO
    """One of decoders.DECODERS."""
    overwrite: bool = False
    backend: str = AUTO
    engine: EngineOptions = field(default_factory=EngineOptions)

    def __post_init__(self) -> None:
        check_decoder(self.decoder)
        if self.codec == AUTO_CODEC and self.preset is not None:
            raise BadInputError(
                f"a preset is an encoder's own word, got {self.preset!r}", hint="name the encoder with `codec`"
            )
        for name, value in (("start", self.start_s), ("end", self.end_s)):
            if value is not None and value < 0:
                raise BadInputError(f"{name} is a time from 0 on, got {float(value):g} s")
        if self.end_s is not None and self.end_s <= (self.start_s or 0):
            raise BadInputError(
                f"the end comes after the start, got {float(self.start_s or 0):g} s to {float(self.end_s):g} s"
            )
        if self.size is not None:
            check_frame_size(self.size)


@dataclass(frozen=True, kw_only=True)
class VideoSummary:
    """What was done to a video file."""

    output: Path
    frames: int
    size: tuple[int, int]
    """(width, height) of the output."""
    seconds: float
    """From the first frame read to the finished file; making the engine is not in it."""
    fps: float
    """Frames over `seconds`."""
    stage_seconds: Mapping[str, float]
    """How long each stage was at work: they overlap, so they sum to more than `seconds`."""
    thread_seconds: Mapping[str, Mapping[str, float]]
    """What the three threads did all the while, by the stage's name; what is left of `seconds` went into none of it.

    read: decode, convert, wait_out (for room in the queue behind it). paint: wait_in (for frames), infer (the net, and
    mixing), wait_out. write: wait_in, convert, encode (and write), streams (sound and whatever else goes along). All
    of it by the clock: a thread that gets no core, because the others have them, seems to work longer.
    """
    codec: str
    """The encoder."""
    decoder: str
    """cpu or cuda."""
    net: str
    """The net that did it; of two, both."""
    backend: str
    precision: str
    notices: tuple[str, ...] = ()
    interrupted: bool = False
    """Stopped early on request; the output holds what was done."""
    incomplete: str | None = None
    """Why not all of the source could be read, if so; the output holds what could."""


def parse_time(text: str) -> Fraction:
    """Seconds, exactly, from `12.5`, `1:02.5` or `1:00:02.5`. Raises BadInputError."""
    parts = text.strip().split(":")
    try:
        numbers = [Fraction(part) for part in parts]
    except (ValueError, ZeroDivisionError):
        numbers = []
    well_formed = 1 <= len(numbers) <= 3 and not set(text) & set("eE/_")
    if not well_formed or any(n < 0 for n in numbers) or any(n >= 60 for n in numbers[1:]):
        raise BadInputError(f"a time is seconds or h:m:s, such as 12.5 or 1:02:30, got {text!r}")
    total = Fraction(0)
    for number in numbers:
        total = total * 60 + number
    return total


def stylize_video_file(
    job: VideoJob, *, progress: Progress | None = None, notice: Notice | None = None
) -> VideoSummary:
    """Do the job. The output appears under its name when it is complete.

    A KeyboardInterrupt ends the job early: what was painted is finished into a playable file, sound cut with it, and
    the summary says `interrupted`; with no frame painted yet, or at a second one, it is raised and nothing is left.
    `notice` is told at once what the summary's `notices` hold. Raises BadInputError, SourceError, OutputError,
    BackendError, MissingPackageError; nothing is left behind then.
    """
    notices: list[str] = []

    def note(text: str) -> None:
        notices.append(text)
        if notice is not None:
            notice(text)

    encoder = choose_encoder(job.codec, muxer_of(job.target))
    encoder.options(job.crf, job.preset)  # what is wrong with them is said before anything is opened
    check_target(job.source, job.target, overwrite=job.overwrite)
    with ExitStack() as stack:
        decoder = choose_decoder(job.source, job.decoder, note)
        source = stack.enter_context(open_decoder(job.source, decoder))
        reader = VideoReader(source, job.source, notice=note, start_s=job.start_s, end_s=job.end_s, size=job.size)
        if job.codec == AUTO_CODEC:
            encoder = faster_encoder(encoder, _output_size(job, reader), reader.pixel_format, note)
        writer = stack.enter_context(_writer(job, reader, encoder, note))
        with writer.errors():
            passthrough = add_streams(
                stack.enter_context(open_video(job.source)),
                writer.container,
                video=reader.stream,
                video_output=writer.stream,
                wanted=TimeRange(
                    start_s=reader.shift_s if job.start_s else None,
                    end_s=None if job.end_s is None else job.end_s + reader.origin_s,
                    shift_s=reader.shift_s,
                ),
                notice=note,
            )
        writer.begin()
        # two engines behind one another have enough to do at a time; one alone may have more frames in flight
        options = dataclasses.replace(job.engine, throughput=job.pipeline.upscaler is None)
        pipeline = stack.enter_context(open_pipeline(job.pipeline, reader.size, backend=job.backend, options=options))
        stages = _Stages(
            job, reader=reader, pipeline=pipeline, writer=writer, passthrough=passthrough, progress=progress
        )
        summary = stages.run()
        if not stages.frames:
            raise KeyboardInterrupt
        writer.commit(overwrite=job.overwrite)
        return dataclasses.replace(summary, codec=encoder.name, decoder=decoder, notices=tuple(notices))


def _output_size(job: VideoJob, reader: VideoReader) -> tuple[int, int]:
    return reader.size[0] * job.pipeline.scale, reader.size[1] * job.pipeline.scale


def _writer(job: VideoJob, reader: VideoReader, encoder: Encoder, notice: Notice) -> VideoWriter:
    width, height = _output_size(job, reader)
    check_size(encoder, (width, height))
    pixel_format = pixel_format_for(encoder, reader.pixel_format, (width, height))
    if (width % 2 or height % 2) and pixel_format == "yuv444p" and "444" not in reader.pixel_format:
        notice(f"{width}x{height} is odd: written as 4:4:4, which not every player takes; --size changes it")
    return VideoWriter(
        job.target,
        encoder=encoder,
        options=encoder.options(job.crf, job.preset),
        size=(width, height),
        pixel_format=pixel_format,
        colour=reader.colour,
        time_base=reader.time_base,
        rate=reader.rate,
        sample_aspect_ratio=reader.sample_aspect_ratio,
        threads=job.engine.threads,
    )


class _Stages:
    """Reading, painting and writing, each in its own thread, and the queues between them."""

    def __init__(
        self,
        job: VideoJob,
        *,
        reader: VideoReader,
        pipeline: Pipeline,
        writer: VideoWriter,
        passthrough: Passthrough,
        progress: Progress | None,
    ) -> None:
        self._job, self._reader, self._pipeline = job, reader, pipeline
        self._writer, self._passthrough, self._progress = writer, passthrough, progress
        self._read: BoundedQueue[TimedPicture] = BoundedQueue(_QUEUE)
        self._painted: BoundedQueue[TimedPicture] = BoundedQueue(_QUEUE)
        self._tasks = TaskGroup()
        self._interrupted = False
        """Written by the caller's thread before it wakes the others."""
        self._incomplete: str | None = None
        self._paint_ns = self._streams_ns = 0
        self.frames = 0
        """Pictures written."""

    def run(self) -> VideoSummary:
        began_ns = now_ns()
        with self._tasks as tasks:
            tasks.on_stop(self._read.abort)
            tasks.on_stop(self._painted.abort)
            try:
                tasks.start("read", self._reading)
                tasks.start("paint", self._painting)
                tasks.start("write", self._writing)
                tasks.wait()
            except KeyboardInterrupt:
                self._interrupted = True
                self._read.abort()
                tasks.wait()
        seconds = (now_ns() - began_ns) / 1e9
        specs = self._pipeline.specs
        threads = self._thread_seconds()
        return VideoSummary(
            output=self._job.target,
            frames=self.frames,
            size=self._pipeline.output_size,
            seconds=round(seconds, 3),
            fps=round(self.frames / seconds, 2),
            stage_seconds={
                stage: round(sum(seconds for part, seconds in parts.items() if not part.startswith("wait")), 3)
                for stage, parts in threads.items()
            },
            thread_seconds=threads,
            codec="",
            decoder="",
            net=" then ".join(spec.net.name for spec in specs),
            backend=joined(specs, "backend"),
            precision=joined(specs, "precision"),
            interrupted=self._interrupted,
            incomplete=None if self._interrupted else self._incomplete,
        )

    def _thread_seconds(self) -> dict[str, dict[str, float]]:
        """`VideoSummary.thread_seconds` of a job that has ended."""
        reader, writer = self._reader, self._writer
        nanoseconds = {
            "read": {
                "decode": reader.busy_ns - reader.convert_ns,
                "convert": reader.convert_ns,
                "wait_out": self._read.put_waited_ns,
            },
            "paint": {
                "wait_in": self._read.get_waited_ns,
                "infer": self._paint_ns,
                "wait_out": self._painted.put_waited_ns,
            },
            "write": {
                "wait_in": self._painted.get_waited_ns,
                "convert": writer.convert_ns,
                "encode": writer.busy_ns - writer.convert_ns,
                "streams": self._streams_ns,
            },
        }
        return {stage: {part: round(ns / 1e9, 3) for part, ns in parts.items()} for stage, parts in nanoseconds.items()}

    def _reading(self) -> None:
        for timed in self._reader.pictures():
            self._read.put(timed)
        self._incomplete = self._reader.missing()
        self._read.close()

    def _painting(self) -> None:
        pipeline = self._pipeline
        waiting: deque[TimedPicture] = deque()

        def collect() -> None:
            began_ns = now_ns()
            picture = pipeline.collect()
            self._paint_ns += now_ns() - began_ns
            self._painted.put(dataclasses.replace(waiting.popleft(), picture=picture))

        while True:
            try:
                timed = self._read.get()
            except Closed:
                break
            began_ns = now_ns()
            pipeline.submit(timed.picture, self._job.pipeline.params)
            self._paint_ns += now_ns() - began_ns
            waiting.append(timed)
            if pipeline.in_flight == pipeline.depth:
                collect()
        while waiting and not self._tasks.stopping.is_set():
            collect()
        self._painted.close()

    def _writing(self) -> None:
        rate, expected = Rate(), self._reader.expected_frames
        while True:
            try:
                timed = self._painted.get()
            except Closed:
                break
            self._writer.write(timed.picture, pts=timed.pts, duration=timed.duration)
            self.frames += 1
            written_ns = now_ns()
            with self._writer.errors():
                self._passthrough.advance(self._writer.end_s)
            done_ns = now_ns()
            self._streams_ns += done_ns - written_ns
            rate.tick(done_ns)
            if self._progress is not None:
                self._progress(self.frames, expected, rate.per_second())
        if self._tasks.stopping.is_set() or not self.frames:
            return
        began_ns = now_ns()
        cut_s: Fraction | None = self._writer.end_s if self._interrupted else None
        with self._writer.errors():
            self._passthrough.finish(cut_s)
        self._streams_ns += now_ns() - began_ns
        self._writer.finish()
