"""What the three threads of a job did with their time."""

from __future__ import annotations

from collections.abc import Mapping

from realtime.queues import BoundedQueue
from realtime.video.reader import TimedPicture, VideoReader
from realtime.video.writer import VideoWriter

__all__ = ["stage_seconds", "thread_seconds"]

_WAITS = ("wait_in", "wait_out")


def thread_seconds(
    reader: VideoReader,
    writer: VideoWriter,
    *,
    read: BoundedQueue[TimedPicture],
    painted: BoundedQueue[TimedPicture],
    paint_ns: int,
    streams_ns: int,
) -> dict[str, dict[str, float]]:
    """`VideoSummary.thread_seconds` of a job that has ended; `read` and `painted` are the queues between its stages."""
    nanoseconds = {
        "read": {
            "decode": reader.busy_ns - reader.convert_ns,
            "convert": reader.convert_ns,
            "wait_out": read.put_waited_ns,
        },
        "paint": {
            "wait_in": read.get_waited_ns,
            "infer": paint_ns,
            "wait_out": painted.put_waited_ns,
        },
        "write": {
            "wait_in": painted.get_waited_ns,
            "convert": writer.convert_ns,
            "encode": writer.busy_ns - writer.convert_ns,
            "streams": streams_ns,
        },
    }
    return {stage: {part: round(ns / 1e9, 3) for part, ns in parts.items()} for stage, parts in nanoseconds.items()}


def stage_seconds(threads: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """`VideoSummary.stage_seconds`: all but the waits."""
    return {
        stage: round(sum(seconds for part, seconds in parts.items() if part not in _WAITS), 3)
        for stage, parts in threads.items()
    }
