"""Opening a video file, and which of its streams is the video."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from engines.errors import SourceError
from realtime.video.decoders import exact

__all__ = ["ATTACHED_PICTURE", "LENIENT", "open_source", "origin_of", "packets_of", "video_stream"]

ATTACHED_PICTURE = 1 << 10
"""The disposition of a cover picture, which is no video although it is stored as one."""

LENIENT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Titles that are not UTF-8 are no reason to stop; from version 19 on PyAV sees it so by itself."""
_PICTURES = ("image2", "_pipe", "tty", "webp_anim", "apng")
_GIVE_UP = 16
"""Failures in a row after which nothing more is expected of a file."""
_FREE_RUNNING_CLOCK = 1 << 9  # AVFMT_TS_DISCONT: MPEG-TS and its like, whose clock starts anywhere


@contextmanager
def open_source(path: Path) -> Iterator[InputContainer]:
    """The file, opened for reading. Raises SourceError where it cannot be, in one line."""
    try:
        container = av.open(os.path.abspath(path), "r", **LENIENT)
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
