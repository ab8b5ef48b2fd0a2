"""From what a user types after --source to a source."""

from __future__ import annotations

from pathlib import Path

from engines.errors import BadInputError, SourceError
from realtime.live.address import public_name, source_kind
from realtime.live.cameras import cure_for_no_camera
from realtime.live.device import DeviceSource
from realtime.live.media import MediaSource
from realtime.live.options import CamOptions
from realtime.live.pattern import PatternSource
from realtime.live.source import Source

__all__ = ["open_source"]

_PATTERN_SIZE = (640, 480)


def open_source(options: CamOptions) -> Source:
    """Open the source that `options` names. Raises SourceError, or BadInputError for options that it cannot obey."""
    kind = source_kind(options.source)
    if options.fps is not None and kind in ("file", "stream"):
        raise BadInputError(f"{public_name(options.source)} has its own rate", hint="leave `fps` out")
    if options.loop and kind != "file":
        raise BadInputError(f"only a file can be looped, got {public_name(options.source)}", hint="leave `loop` out")
    if kind == "pattern":
        return PatternSource(options.size or _PATTERN_SIZE, fps=options.fps)
    if kind == "device":
        return DeviceSource(options.source, size=options.size, fps=options.fps)
    if kind == "file" and not Path(options.source).is_file():
        raise SourceError(f"{options.source}: no such file; {cure_for_no_camera()}")
    return MediaSource(options.source, stall_s=options.stall_s)
