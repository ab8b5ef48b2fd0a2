"""Many pictures one after the other: the next is read and the last is written while one is being painted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from engines.atomic import write_whole
from engines.errors import BadInputError, OutputError, RtStyleError
from realtime.pictures.batch import Box
from realtime.pictures.paint import PicturePipeline
from realtime.pictures.read import LARGEST_FILE, Photo, photo_from_bytes, read_photo
from realtime.pictures.write import PictureTask, bytes_from_photo, check_sides, left_out

__all__ = ["BatchOptions", "BatchSummary", "Failure", "Painted", "paint_batch"]


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """What is done with every picture, beside painting it."""

    box: Box | None = None
    """Pictures are scaled to fit into it first."""
    quality: int | None = None
    """1 to 100, for JPEG and WebP; None: see bytes_from_photo."""
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A picture that was painted and written."""

    source: str
    target: str
    size: tuple[int, int]
    """(width, height) of the result."""
    seconds: float
    """What painting took, without reading and writing."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A picture that was not."""

    source: str
    error: RtStyleError


@dataclass(kw_only=True)
class BatchSummary:
    """How it went."""

    painted: list[Painted] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)


def paint_batch(
    tasks: Sequence[PictureTask],
    painter: PicturePipeline,
    options: BatchOptions,
    *,
    notice: Callable[[str], None],
    failed: Callable[[RtStyleError], None],
    done: Callable[[Painted], None],
) -> BatchSummary:
    """Paint all pictures; one that fails is counted and passed over. Three pictures are in memory at most.

    `notice` gets what is changed or left out on the way, `failed` why a picture was not painted, `done` what was; they
    are called in the caller's thread.
    """
    summary = BatchSummary()
    reader = ThreadPoolExecutor(1, thread_name_prefix="rtstyle-read")
    writer = ThreadPoolExecutor(1, thread_name_prefix="rtstyle-write")
    line = _Line(options, painter, summary, _Ears(notice=notice, failed=failed, done=done))
    try:
        coming: Future[Photo] | None = None
        for index, task in enumerate(tasks):
            photo = coming or _submit(reader, task, options)
            following = tasks[index + 1 : index + 2]
            coming = _submit(reader, following[0], options) if following else None
            line.take(task, photo, writer)
        line.finish()
    finally:
        reader.shutdown(cancel_futures=True)
        writer.shutdown(cancel_futures=True)
    return summary


@dataclass(frozen=True, kw_only=True)
class _Ears:
    notice: Callable[[str], None]
    failed: Callable[[RtStyleError], None]
    done: Callable[[Painted], None]


class _Line:
    """What stands between the reader and the writer: one picture being painted, one being written."""

    def __init__(
        self,
        options: BatchOptions,
        painter: PicturePipeline,
        summary: BatchSummary,
        ears: _Ears,
    ) -> None:
        self._options, self._painter, self._summary, self._ears = options, painter, summary, ears
        self._writing: tuple[PictureTask, Painted, Future[None]] | None = None

    def take(self, task: PictureTask, coming: Future[Photo], writer: ThreadPoolExecutor) -> None:
        try:
            photo = coming.result()
            for text in (*photo.notices, *left_out(photo, task.file_format)):
                self._ears.notice(f"{task.name}: {text}")
            width, height = (side * self._painter.scale for side in photo.size)
            check_sides((width, height), task.file_format, name=_target_name(task))
            began = time.monotonic()
            result = photo.painted(self._painter.paint(photo.pixels))
            seconds = round(time.monotonic() - began, 3)
        except RtStyleError as error:
            self._failed(task, error)
            return
        self.finish()
        painted = Painted(source=task.name, target=_target_name(task), size=result.size, seconds=seconds)
        self._writing = task, painted, writer.submit(_write, task, result, self._options)

    def finish(self) -> None:
        """Wait for the picture that is being written."""
        if self._writing is None:
            return
        (task, painted, written), self._writing = self._writing, None
        try:
            written.result()
        except RtStyleError as error:
            self._failed(task, error)
            return
        self._summary.painted.append(painted)
        self._ears.done(painted)

    def _failed(self, task: PictureTask, error: RtStyleError) -> None:
        self._summary.failed.append(Failure(source=task.name, error=error))
        self._ears.failed(error)


def _submit(reader: ThreadPoolExecutor, task: PictureTask, options: BatchOptions) -> Future[Photo]:
    """Begin to read. Stdin is read here: Ctrl-C would not reach a thread that waits for it."""
    content = _stdin_content() if task.source is None else None
    return reader.submit(_read, task, options, content)


def _read(task: PictureTask, options: BatchOptions, content: bytes | None) -> Photo:
    """Everything before painting, in the reader's thread. An existing result is found before any work is done."""
    if task.target is not None and task.target.exists() and not options.overwrite:
        raise OutputError(f"{task.target}: exists already", hint="`overwrite` overwrites it")
    photo = read_photo(task.source) if task.source is not None else photo_from_bytes(content or b"", task.name)
    photo = photo.without_holes()
    return photo if options.box is None else photo.resized(options.box.fitted(photo.size))


def _stdin_content() -> bytes:
    content = sys.stdin.buffer.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise BadInputError(f"stdin: expected at most {LARGEST_FILE >> 20} MB, more came")
    return content


def _target_name(task: PictureTask) -> str:
    return "stdout" if task.target is None else str(task.target)


def _write(task: PictureTask, photo: Photo, options: BatchOptions) -> None:
    """Everything after painting, in the writer's thread."""
    name = _target_name(task)
    content = bytes_from_photo(photo, task.file_format, quality=options.quality, name=name)
    if task.target is not None:
        write_whole(task.target, content)
        return
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"stdout: cannot be written: {error.strerror or error}") from error
