"""A video file from one end to the other: three threads read, paint and write, so that all three overlap."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction

from av.container import InputContainer

from engines.contract import EngineOptions
from realtime.pipeline import Pipeline, joined, open_pipeline
from realtime.queues import BoundedQueue, Closed
from realtime.stats import Rate, now_ns
from realtime.tasks import TaskGroup
from realtime.video.decoders import Notice, choose_decoder, open_decoder, open_source
from realtime.video.encoders import AUTO_CODEC, Encoder, check_size, choose_encoder, faster_encoder, pixel_format_for
from realtime.video.job import VideoJob, VideoSummary, stage_seconds, thread_seconds
from realtime.video.reader import TimedPicture, VideoReader
from realtime.video.stream_copy import Passthrough, TimeRange
from realtime.video.streams import StreamPlan, copy_chapters, copy_metadata, describe
from realtime.video.writer import VideoWriter, check_target, muxer_of

__all__ = ["Progress", "stylize_video_file"]

Progress = Callable[[int, "int | None", float], None]
"""Told of every frame written, from another thread: frames so far, about how many there will be, frames per second."""

_QUEUE = 4
"""Pictures between two stages: enough to ride over an uneven frame, little enough for 4K."""


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
            passthrough = _passthrough(job, reader, writer, stack.enter_context(open_source(job.source)), note)
        writer.begin()
        painter = stack.enter_context(
            open_pipeline(job.pipeline, reader.size, backend=job.backend, options=_engine_options(job))
        )
        line = _Line(job, reader=reader, painter=painter, writer=writer, passthrough=passthrough, progress=progress)
        summary = line.run()
        if not line.frames:
            raise KeyboardInterrupt
        writer.commit(overwrite=job.overwrite)
        return dataclasses.replace(summary, codec=encoder.name, decoder=decoder, notices=tuple(notices))


def _engine_options(job: VideoJob) -> EngineOptions:
    """Two engines behind one another have enough to do at a time; one alone may have more frames in flight."""
    return dataclasses.replace(job.engine, throughput=job.pipeline.upscaler is None)


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


def _passthrough(
    job: VideoJob, reader: VideoReader, writer: VideoWriter, source: InputContainer, notice: Notice
) -> Passthrough:
    window = TimeRange(start_s=reader.shift_s if job.start_s else None, shift_s=reader.shift_s)
    end_s = None if job.end_s is None else job.end_s + reader.origin_s
    output = writer.container
    describe(writer.stream, reader.stream)
    copy_metadata(source, output)
    if window.start_s is not None:  # a cut begins at another time code
        output.metadata.pop("timecode", None)
        writer.stream.metadata.pop("timecode", None)
    copy_chapters(source, output, window, end_s)
    plan = StreamPlan(
        source,
        output,
        muxer=muxer_of(job.target),
        video_index=reader.stream.index,
        window=window,
        notice=notice,
    )
    return Passthrough(source, output, plan, window=window, end_s=end_s)


class _Line:
    """The three stages and the queues between them."""

    def __init__(
        self,
        job: VideoJob,
        *,
        reader: VideoReader,
        painter: Pipeline,
        writer: VideoWriter,
        passthrough: Passthrough,
        progress: Progress | None,
    ) -> None:
        self._job, self._reader, self._painter = job, reader, painter
        self._writer, self._passthrough, self._progress = writer, passthrough, progress
        self._read: BoundedQueue[TimedPicture] = BoundedQueue(_QUEUE)
        self._painted: BoundedQueue[TimedPicture] = BoundedQueue(_QUEUE)
        self._crew = TaskGroup()
        self._interrupted = False
        """Written by the caller's thread before it wakes the others."""
        self._incomplete: str | None = None
        self._paint_ns = self._streams_ns = 0
        self.frames = 0
        """Pictures written."""

    def run(self) -> VideoSummary:
        began_ns = now_ns()
        with self._crew as crew:
            crew.on_stop(self._read.abort)
            crew.on_stop(self._painted.abort)
            try:
                crew.start("read", self._reading)
                crew.start("paint", self._painting)
                crew.start("write", self._writing)
                crew.wait()
            except KeyboardInterrupt:
                self._interrupted = True
                self._read.abort()
                crew.wait()
        seconds = (now_ns() - began_ns) / 1e9
        specs = self._painter.specs
        threads = thread_seconds(
            self._reader,
            self._writer,
            read=self._read,
            painted=self._painted,
            paint_ns=self._paint_ns,
            streams_ns=self._streams_ns,
        )
        return VideoSummary(
            output=self._job.target,
            frames=self.frames,
            size=self._painter.output_size,
            seconds=round(seconds, 3),
            fps=round(self.frames / seconds, 2),
            stage_seconds=stage_seconds(threads),
            thread_seconds=threads,
            codec="",
            decoder="",
            net=" then ".join(spec.net.name for spec in specs),
            backend=joined(specs, "backend"),
            precision=joined(specs, "precision"),
            interrupted=self._interrupted,
            incomplete=None if self._interrupted else self._incomplete,
        )

    def _reading(self) -> None:
        for timed in self._reader.pictures():
            self._read.put(timed)
        self._incomplete = self._reader.missing()
        self._read.close()

    def _painting(self) -> None:
        painter = self._painter
        waiting: deque[TimedPicture] = deque()

        def collect() -> None:
            began_ns = now_ns()
            picture = painter.collect()
            self._paint_ns += now_ns() - began_ns
            self._painted.put(dataclasses.replace(waiting.popleft(), picture=picture))

        while True:
            try:
                timed = self._read.get()
            except Closed:
                break
            began_ns = now_ns()
            painter.submit(timed.picture, self._job.pipeline.params)
            self._paint_ns += now_ns() - began_ns
            waiting.append(timed)
            if painter.in_flight == painter.depth:
                collect()
        while waiting and not self._crew.stopping.is_set():
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
        if self._crew.stopping.is_set() or not self.frames:
            return
        began_ns = now_ns()
        cut_s: Fraction | None = self._writer.end_s if self._interrupted else None
        with self._writer.errors():
            self._passthrough.finish(cut_s)
        self._streams_ns += now_ns() - began_ns
        self._writer.finish()
