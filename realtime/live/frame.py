"""The record of a live frame, and the protocols of where it comes from and where it goes.

    Source.read -> Capture -> FrameProcessor -> every Sink

One `LiveFrame` goes the whole way: each stage adds what it knows and hands the same record on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import cv2
import numpy as np

from engines.contract import Picture
from realtime.live.controls import Request, Settings

__all__ = ["EndOfSource", "LiveFrame", "Sink", "Source", "Timing", "fit", "plausible_rate"]

Timing = Literal["live", "paced", "demand"]
"""live: frames come when they come, and the source is opened again when it fails; paced: each is due at its own
`clock_s`; demand: one is made when one is wanted."""

_RATES = (1.0, 1000.0)


@dataclass(kw_only=True, eq=False, slots=True)
class LiveFrame:
    """A frame from capture to sink. Each field is set once, by the stage named above it, before the frame goes on.

    From then on it is shared between threads: nobody writes to its pictures. A field without a default cannot be read
    before its stage has set it.
    """

    # the source
    picture: Picture = field(repr=False)
    """uint8 `(h, w, 3)` RGB; no source keeps it. The size may change from one frame to the next."""
    captured_ns: int
    """`now_ns` when it arrived, before it was decoded; from the capture on, for a paced source, when it was due."""
    clock_s: float | None = None
    """When it was taken by the source's own clock; None where the source has none."""

    # the capture
    number: int = 0
    """1 for the first; duplicates have none."""
    picture_id: int = 0
    """Number of the first of the unbroken run of frames that hold exactly these pixels."""
    ready_ns: int = 0
    """`now_ns` when it was decoded; for a paced source not before it was due."""

    # the processor
    original: Picture = field(init=False, repr=False)
    """uint8 `(h, w, 3)` RGB: `picture`, fitted and mirrored."""
    settings: Settings = field(init=False, repr=False)
    """How it was painted."""
    again: bool = False
    """The frame was handed over before, painted otherwise: it counts as no new one."""
    reused: bool = False
    """Nothing was computed: it has the result of the frame before it."""
    submitted_ns: int = 0
    result: Picture = field(init=False, repr=False)
    """uint8 `(h * scale, w * scale, 3)` RGB, painted or enlarged."""
    painted_ns: int = 0

    def same_pixels(self, before: LiveFrame) -> bool:
        """Whether the two came with bit-identical pictures; a coarse grid decides most cases for almost nothing."""
        one, other = self.picture, before.picture
        if one.shape != other.shape or not np.array_equal(one[::16, ::16], other[::16, ::16]):
            return False
        return np.array_equal(one, other)

    def is_duplicate(self, before: LiveFrame, *, same: bool) -> bool:
        """Whether a driver has handed out one frame twice: with the `same` pixels and by the source's clock."""
        return same and self.clock_s is not None and self.clock_s == before.clock_s

    def repeats(self, before: LiveFrame) -> bool:
        """Whether its result is that of `before`: an unbroken run of the same pixels, painted with the same settings.

        The tolerance is none: a camera's noise is worth painting, a still screen is not.
        """
        return self.picture_id == before.picture_id and self.settings.token == before.settings.token


class EndOfSource(Exception):  # noqa: N818 (it is none)
    """A file has been played to its end. Not an error."""


class Source(Protocol):
    """Where frames come from. All calls come from one thread at a time."""

    name: str
    """What may be shown of it: never a password."""
    timing: Timing
    rate: float | None
    """Frames per second that it says it brings; None where it does not say."""

    def read(self) -> LiveFrame:
        """Wait for the next frame, seconds at most. Raises EndOfSource, or SourceError when nothing comes any more."""

    def rewind(self) -> None:
        """Start again from the first frame. Raises SourceError where that cannot be done."""

    def close(self) -> None:
        """Give the device back. May be called twice."""


class Sink(Protocol):
    """Where finished frames go. `work` has a thread of its own; every other method may be called from any thread."""

    name: str
    """Of its thread."""

    def offer(self, frame: LiveFrame) -> None:
        """Take a frame, or leave it out and count that. Never waits; does nothing after `close`."""

    def work(self) -> None:
        """Deal with what was offered until `close`, and with what waits then. Raises OutputError to end the run."""

    def obey(self, request: Request) -> str | None:
        """Do what the viewer asks, where it is this sink's to do; returns what to tell the viewer, if anything.

        Raises OutputError, which is told and ends nothing.
        """

    def facts(self) -> dict[str, Any]:
        """What the sink has to say in the summary: values of fields of `CamSummary`."""

    def close(self) -> None:
        """Nothing more comes. May be called twice."""


def plausible_rate(stated: float | None) -> float | None:
    """Frames per second as a driver or a file states them; None for what no camera does, such as 0 or 90000."""
    return float(stated) if stated is not None and _RATES[0] <= stated <= _RATES[1] else None


def fit(picture: Picture, size: tuple[int, int]) -> Picture:
    """Scale a uint8 `(h, w, 3)` picture until it covers `size` (width, height), and cut what overlaps, evenly.

    A picture that has the size already is returned as it is.
    """
    width, height = size
    came_height, came_width = picture.shape[:2]
    if (came_width, came_height) == size:
        return picture
    scale = max(width / came_width, height / came_height)
    cut_width, cut_height = min(came_width, round(width / scale)), min(came_height, round(height / scale))
    left, top = (came_width - cut_width) // 2, (came_height - cut_height) // 2
    cut = picture[top : top + max(1, cut_height), left : left + max(1, cut_width)]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, size, interpolation=how), np.uint8)
