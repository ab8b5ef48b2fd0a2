"""An engine, and how what it paints is mixed with the frame it came from."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from engines.contract import Engine, EngineSpec, Picture, StyleVector
from engines.errors import BadInputError
from engines.fallback import FallbackEngine, HotSwap

__all__ = ["Painter", "Treatment", "mix"]

_ROWS_APART = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class Treatment:
    """How one frame is to be painted."""

    vector: StyleVector | None = None
    """float32 `(style_length,)`; None for a net without styles."""
    strength: float = 1.0
    """0 is the frame as it came, 1 the painted one."""
    keep_colors: bool = False
    """Luminance from the painted picture, chroma from the frame."""

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise BadInputError(f"strength is 0 to 1, got {self.strength}")


@dataclass(frozen=True, eq=False)
class _Waiting:
    frame: Picture
    treatment: Treatment
    repeats: bool
    """The frame before it was the same: its picture is this one's too, and the engine knows nothing of it."""


class Painter:
    """Frames in, mixed pictures out, in order, with up to `depth` in flight. The engine stays its owner's to close.

    A frame that is equal to the one before it, still in flight, is not painted again: films at 24 frames a second come
    in files of 60, and drawn ones change every second or third frame.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine, self.depth = engine, engine.depth
        self._waiting: deque[_Waiting] = deque()
        self._repeated: Picture | None = None
        """Our own copy of the last picture, while one that repeats it waits."""

    @property
    def engines(self) -> tuple[Engine, ...]:
        """All that a frame goes through, in order."""
        return (self.engine,)

    @property
    def specs(self) -> tuple[EngineSpec, ...]:
        """What they are now: an engine that warms up becomes another, of the same sizes."""
        return tuple(engine.spec for engine in self.engines)

    @property
    def handovers(self) -> tuple[HotSwap, ...]:
        """Of those that warm up, or have. For any thread."""
        return tuple(engine.handover for engine in self.engines if isinstance(engine, FallbackEngine))

    @property
    def in_flight(self) -> int:
        return len(self._waiting)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames that go in."""
        return self.specs[0].size

    @property
    def output_size(self) -> tuple[int, int]:
        """(width, height) of the pictures that come out."""
        return self.specs[-1].output_size

    def submit(self, frame: Picture, treatment: Treatment) -> None:
        """Start on a frame, uint8 `(h, w, 3)` RGB. It must not change until its picture is collected.

        Raises what `Engine.submit` raises, and BadInputError for a mix with a net that changes the size.
        """
        if self.engine.spec.net.scale != 1 and (treatment.strength != 1 or treatment.keep_colors):
            raise BadInputError("strength and kept colours are for nets that paint, not for those that enlarge")
        repeats = bool(self._waiting) and _is_repeated(self._waiting[-1], frame, treatment)
        if not repeats:
            self.engine.submit(frame, treatment.vector)
        self._waiting.append(_Waiting(frame, treatment, repeats))

    def collect(self) -> Picture:
        """Wait for the oldest frame's picture, uint8 `(h, w, 3)` RGB; the array belongs to the caller."""
        if self._waiting and self._waiting[0].repeats:
            self._waiting.popleft()
            assert self._repeated is not None
            picture = self._repeated
        else:
            painted = self.engine.collect()
            oldest = self._waiting.popleft()
            picture = self._finished(mix(oldest.frame, painted, oldest.treatment))
        self._repeated = picture.copy() if self._waiting and self._waiting[0].repeats else None
        return picture

    def _finished(self, picture: Picture) -> Picture:
        """What is still to be done with a mixed picture."""
        return picture


def _is_repeated(before: _Waiting, frame: Picture, treatment: Treatment) -> bool:
    """Whether `frame` would give the picture of `before`. A few rows tell most frames apart."""
    one, other = before.treatment, treatment
    alike = (one.strength, one.keep_colors) == (other.strength, other.keep_colors)
    if not alike or not _equal(one.vector, other.vector) or before.frame.shape != frame.shape:
        return False
    rows = slice(None, None, _ROWS_APART)
    return np.array_equal(before.frame[rows], frame[rows]) and np.array_equal(before.frame, frame)


def _equal(one: StyleVector | None, other: StyleVector | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def mix(frame: Picture, painted: Picture, treatment: Treatment) -> Picture:
    """Put kept colours and strength to work; both pictures are uint8 `(h, w, 3)` RGB. May write into `painted`."""
    if treatment.keep_colors:
        luminance = cv2.cvtColor(painted, cv2.COLOR_RGB2YCrCb)[..., 0]
        mixed = cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb)
        mixed[..., 0] = luminance
        painted = np.asarray(cv2.cvtColor(mixed, cv2.COLOR_YCrCb2RGB), np.uint8)
    if treatment.strength == 1:
        return painted
    return np.asarray(cv2.addWeighted(painted, treatment.strength, frame, 1 - treatment.strength, 0), np.uint8)
