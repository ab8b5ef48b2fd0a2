"""What is to be done to a video file, and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from engines.backends import AUTO
from engines.contract import EngineOptions
from engines.errors import BadInputError
from realtime.pipeline import ResolvedPipeline
from realtime.user_options import check_frame_size
from realtime.video.decoders import check_decoder
from realtime.video.encoders import AUTO_CODEC

__all__ = ["VideoJob", "VideoSummary", "parse_time"]


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoJob:
    """One video file to be painted or enlarged."""

    source: Path
    target: Path
    """Its ending says what kind of file is written: one of writer.CONTAINERS."""
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
    """One of hardware.DECODERS."""
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
