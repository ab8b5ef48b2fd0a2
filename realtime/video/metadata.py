"""Titles, languages, roles and chapters: what is said about a file and its streams."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from av.container import InputContainer, OutputContainer
from av.stream import Stream

from realtime.video.decoders import exact
from realtime.video.stream_copy import TimeRange

__all__ = ["copy_chapters", "copy_metadata", "describe"]

_STALE = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "rotate", "bps")
"""Facts of the old file and its encoder, which FFmpeg writes anew or which are no longer true."""
_STALE_PREFIXES = ("number_of_", "_statistics_", "duration-", "bps-")


def copy_metadata(source: InputContainer, output: OutputContainer) -> None:
    """Title, artist and so on of the file."""
    output.metadata.update(_lasting(source.metadata))


def describe(output: Stream, source: Stream) -> None:
    """Language, title and role of a stream."""
    output.metadata.update(_lasting(source.metadata))
    output.disposition = source.disposition


def copy_chapters(source: InputContainer, output: OutputContainer, window: TimeRange, end_s: Fraction | None) -> None:
    """The chapters as far as they lie inside the window and before `end_s`, on the source's clock."""
    chapters: list[Any] = []
    for chapter in source.chapters():
        base = exact(chapter["time_base"] or Fraction(1, 1000))
        begin_s, finish_s = chapter["start"] * base, chapter["end"] * base
        if window.start_s is not None:
            begin_s = max(begin_s, window.start_s)
        if end_s is not None:
            finish_s = min(finish_s, end_s)
        if begin_s < finish_s:
            begin, finish = (round((at_s - window.shift_s) / base) for at_s in (begin_s, finish_s))
            chapters.append({**chapter, "start": begin, "end": finish, "time_base": base})
    if chapters:
        output.set_chapters(chapters)


def _lasting(metadata: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _STALE and not key.lower().startswith(_STALE_PREFIXES)
    }
