"""An engine, and how what it paints is mixed with the frame it came from."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from engines.contract import Engine, EngineSpec, Picture, StyleVector
from engines.errors import BadInputError
from engines.warming import Handover, WarmingEngine

__all__ = ["Painter", "Treatment", "mix"]


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


class Painter:
    """Frames in, mixed pictures out, in order, with up to `depth` in flight. The engine stays its owner's to close."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.depth = engine, engine.depth
        self._waiting: deque[tuple[Picture, Treatment]] = deque()

    @property
    def engines(self) -> tuple[Engine, ...]:
        """All that a frame goes through, in order."""
        return (self.engine,)

    @property
    def specs(self) -> tuple[EngineSpec, ...]:
        """What they are now: an engine that warms up becomes another, of the same sizes."""
        return tuple(engine.spec for engine in self.engines)

    @property
    def handovers(self) -> tuple[Handover, ...]:
        """Of those that warm up, or have. For any thread."""
        return tuple(engine.handover for engine in self.engines if isinstance(engine, WarmingEngine))

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
        self.engine.submit(frame, treatment.vector)
        self._waiting.append((frame, treatment))

    def collect(self) -> Picture:
        """Wait for the oldest frame's picture, uint8 `(h, w, 3)` RGB; the array belongs to the caller."""
        painted = self.engine.collect()
        frame, treatment = self._waiting.popleft()
        return mix(frame, painted, treatment)


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
