"""TensorRT 10 and 11: the fastest way on every NVIDIA GPU; engines are built on the GPU itself (extra: tensorrt).

Not yet run on a GPU: docs/gpu.md says what was checked without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engines.contract import EngineOptions
from engines.net_file import NetFile

if TYPE_CHECKING:
    from engines.nvidia.engine import TensorRtEngine

__all__ = ["describe", "open_engine"]

_NAME = "tensorrt"


def describe() -> str:
    """One line on what this backend would run on. Raises MissingPackageError or BackendError."""
    from engines.nvidia.tensorrt_engine import describe_runtime

    return describe_runtime(_NAME)


def open_engine(net: NetFile, size: tuple[int, int], options: EngineOptions) -> TensorRtEngine:
    """Make an engine for frames of `size` (width, height). Raises MissingPackageError or BackendError."""
    from engines.nvidia.tensorrt_engine import open_tensorrt

    return open_tensorrt(_NAME, net, size, options)
