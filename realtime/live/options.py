"""What `rtstyle cam` can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engines.backends import AUTO
from engines.errors import BadInputError
from realtime.user_options import StyleOptions, check_frame_size

__all__ = ["CamOptions", "PATTERN"]

PATTERN = "test-pattern"


@dataclass(frozen=True, kw_only=True)
class CamOptions:
    """One run of the camera. None leaves the choice to the device or to the library."""

    source: str = "0"
    """A camera's index or path, an http(s) or rtsp(s) address, a video file, or `test-pattern`."""
    styling: StyleOptions = field(default_factory=StyleOptions)
    size: tuple[int, int] | None = None
    """(width, height) asked of the device; frames of any other size are fitted to it."""
    fps: float | None = None
    """Asked of the device; the test pattern keeps it, and comes as fast as it is painted without it."""
    loop: bool = False
    """Start a file again at its end."""
    stall_s: float = 5.0
    """How long a live source may bring nothing new before it is opened again."""
    backend: str = AUTO
    precision: str | None = None
    """One of engines.contract.PRECISIONS; None leaves it to the backend."""
    mirror: bool = False
    record: Path | None = None
    force: bool = False
    """`record` may replace a file."""
    folder: Path = Path()
    """Where snapshots and recordings made by key press go."""
    virtual_camera: bool = False
    headless: bool = False
    frames: int | None = None
    """End after so many shown frames."""
    seconds: float | None = None
    """End after so many seconds."""
    warm_up: int = 0
    """So many of the first shown frames stay out of the rate and the latency."""

    def __post_init__(self) -> None:
        if not self.source:
            raise BadInputError(f"a source is a camera, an address, a file or {PATTERN}: got an empty text")
        if self.size is not None:
            check_frame_size(self.size)
        if self.fps is not None and not 0.1 <= self.fps <= 1000:
            raise BadInputError(f"a rate is 0.1 to 1000 frames a second, got {self.fps}")
        if not self.stall_s >= 0.5:
            raise BadInputError(f"a source is given at least 0.5 s before it counts as stalled, got {self.stall_s}")
        if self.frames is not None and self.frames < 1:
            raise BadInputError(f"the number of frames is 1 or more, got {self.frames}")
        if not 0 <= self.warm_up < (self.frames or self.warm_up + 1):
            raise BadInputError(f"to warm up takes 0 frames or more, and fewer than are shown, got {self.warm_up}")
        if self.seconds is not None and not self.seconds > 0:
            raise BadInputError(f"the number of seconds is above 0, got {self.seconds}")
        if self.force and self.record is None:
            raise BadInputError("force lets a recording replace a file", hint="name the file with `record`")
