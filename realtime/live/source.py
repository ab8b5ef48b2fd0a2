"""The contract of every source of live frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from engines.contract import Picture

__all__ = ["EndOfSource", "Grab", "LiveFrame", "Source", "Timing", "plausible_rate"]

Timing = Literal["live", "paced", "demand"]
"""live: frames come when they come, and the source is opened again when it fails; paced: each is due at its own
`clock_s`; demand: one is made when one is wanted."""


_RATES = (1.0, 1000.0)


def plausible_rate(stated: float | None) -> float | None:
    """Frames per second as a driver or a file states them; None for what no camera does, such as 0 or 90000."""
    return float(stated) if stated is not None and _RATES[0] <= stated <= _RATES[1] else None


class EndOfSource(Exception):  # noqa: N818 (it is none)
    """A file has been played to its end. Not an error."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grab:
    """What a source gives."""

    picture: Picture = field(repr=False)
    """uint8 `(h, w, 3)` RGB; it belongs to the caller. The size may change from one to the next."""
    captured_ns: int
    """`now_ns` when it arrived, before it was decoded."""
    clock_s: float | None
    """When it was taken by the source's own clock; None where the source has none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LiveFrame:
    """A new frame, numbered."""

    number: int
    """1 for the first; duplicates have none."""
    picture: Picture = field(repr=False)
    """uint8 `(h, w, 3)` RGB, never written to again."""
    picture_id: int
    """Number of the first of the unbroken run of frames that hold exactly these pixels."""
    captured_ns: int
    """`now_ns` when it arrived, before it was decoded; for a paced source, when it was due."""
    ready_ns: int
    """`now_ns` when it was decoded."""


class Source(Protocol):
    """Where frames come from. All calls come from one thread at a time."""

    name: str
    """What may be shown of it: never a password."""
    timing: Timing
    rate: float | None
    """Frames per second that it says it brings; None where it does not say."""

    def read(self) -> Grab:
        """Wait for the next frame, seconds at most. Raises EndOfSource, or SourceError when nothing comes any more."""

    def rewind(self) -> None:
        """Start again from the first frame. Raises SourceError where that cannot be done."""

    def close(self) -> None:
        """Give the device back. May be called twice."""
