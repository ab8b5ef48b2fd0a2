"""TensorRT 10 and 11: the fastest way on every NVIDIA GPU; engines are built on the GPU itself (extra: tensorrt).

Not yet run on a GPU: docs/gpu.md says what was checked without one.
"""

from __future__ import annotations

from engines.nvidia.tensorrt_engine import TensorRtBackend

__all__ = ["TITLE", "describe", "is_built", "is_ready", "open_engine"]

_backend = TensorRtBackend("tensorrt")
TITLE = _backend.title
describe = _backend.describe
open_engine = _backend.open_engine
is_built = _backend.is_built
is_ready = _backend.is_ready
