"""Real-time video stylization and upscaling.

>>> import rtstyle
>>> stylizer = rtstyle.Stylizer("udnie")
>>> painted = stylizer(frame)  # uint8 (h, w, 3) RGB in and out
>>> larger = rtstyle.Upscaler(4)(frame)  # uint8 (4 * h, 4 * w, 3) RGB
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engines.errors import (
        BackendError,
        BadInputError,
        MissingPackageError,
        NetFileError,
        OutputError,
        RtStyleError,
        SourceError,
        StyleFileError,
    )
    from realtime.user_options import StyleOptions
    from realtime.video.job import VideoSummary
    from rtstyle.api import Stylizer, Upscaler
    from rtstyle.api import stylize_video

__all__ = [
    "BackendError",
    "BadInputError",
    "MissingPackageError",
    "NetFileError",
    "OutputError",
    "RtStyleError",
    "SourceError",
    "StyleFileError",
    "StyleOptions",
    "Stylizer",
    "Upscaler",
    "VideoSummary",
    "__version__",
    "stylize_video",
]

__version__ = "0.1.0"

_HOMES = {
    "StyleOptions": "realtime.user_options",
    "Stylizer": "rtstyle.api",
    "Upscaler": "rtstyle.api",
    "VideoSummary": "realtime.video.job",
    "stylize_video": "rtstyle.api",
}
"""Where names live, apart from the errors."""


if not TYPE_CHECKING:  # type checkers see the imports above, and refuse all other names

    def __getattr__(name: str) -> object:
        """Import the parts when they are asked for: `import rtstyle` and `rtstyle --help` stay fast."""
        if name in _HOMES or (name in __all__ and name.endswith("Error")):
            return getattr(importlib.import_module(_HOMES.get(name, "engines.errors")), name)
        raise AttributeError(f"module 'rtstyle' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
