"""OpenVINO, imported without its telemetry.

`import openvino` reports every import to a web analytics service and counts it in the user's home, through the package
`openvino_telemetry`; its process, forked from a thread, can also keep ours from ending. A tool for webcams does not
call home: without that package OpenVINO uses its own stand-in, which does nothing.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__all__ = ["openvino_module"]

_TELEMETRY = "openvino_telemetry"


def openvino_module() -> Any:
    """The module `openvino`. Raises ImportError where it is not installed."""
    if sys.modules.get("openvino") is None:
        absent: dict[str, ModuleType | None] = {_TELEMETRY: None}  # None makes its import fail
        before = sys.modules.get(_TELEMETRY)
        sys.modules.update(absent)  # type: ignore[arg-type]  # typeshed leaves out that None is allowed
        try:
            importlib.import_module("openvino")
        finally:
            del sys.modules[_TELEMETRY]
            if before is not None:
                sys.modules[_TELEMETRY] = before
    return sys.modules["openvino"]
