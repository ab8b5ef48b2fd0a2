"""Real-time video stylization and upscaling.

>>> import rtstyle
>>> stylizer = rtstyle.Stylizer("udnie")
>>> painted = stylizer(frame)  # uint8 (h, w, 3) RGB in and out
>>> larger = rtstyle.Upscaler(4)(frame)  # uint8 (4 * h, 4 * w, 3) RGB
"""

from __future__ import annotations

import importlib

__all__ = ["RtStyleError", "Stylizer", "Upscaler", "__version__", "stylize_video"]

__version__ = "0.1.0"

_HOMES = {
    "RtStyleError": "engines.errors",
    "Stylizer": "rtstyle.stylizer",
    "Upscaler": "rtstyle.stylizer",
    "stylize_video": "rtstyle.video_api",
}


def __getattr__(name: str) -> object:
    """Import the parts when they are asked for: `import rtstyle` and `rtstyle --help` stay fast."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'rtstyle' has no attribute {name!r}")
