"""How large a picture may be to be painted whole on a GPU: by the memory that its net's tensors take there."""

from __future__ import annotations

import functools
import math

from engines.net_file import NetFile
from engines.nvidia.driver import Gpu
from engines.quiet_openvino import openvino_module
from engines.ring import padded_size

__all__ = ["whole_on_gpu"]

_SIDE = 256
_ALIVE = 3
"""Tensors of the largest kind that are there at once, in float32 as around a norm: what goes in, what comes out, and
one more. An estimate that is meant to be too high: nothing was measured on a GPU."""
_SHARE = 0.5
"""Of the GPU's memory: screens, other programs and the runtime need the rest."""
_MOST_ELEMENTS = 2**31 - 1
"""Of one tensor, in TensorRT."""


def whole_on_gpu(net: NetFile, gpu: Gpu) -> int:
    """Pixels of the largest picture."""
    elements = _elements_per_pixel(net.model, net.spec.size_multiple)
    return int(min(_SHARE * gpu.memory / (_ALIVE * 4 * elements), _MOST_ELEMENTS / elements))


@functools.lru_cache(maxsize=4)
def _elements_per_pixel(model: bytes, multiple: int) -> float:
    """Of the largest tensor, for each pixel of the picture that goes in. OpenVINO works out the shapes."""
    width, height = padded_size((_SIDE, _SIDE), multiple)
    graph = openvino_module().Core().read_model(model)
    graph.reshape({"frame": [1, height, width, 3]})
    largest: int = max(math.prod(output.get_shape()) for node in graph.get_ordered_ops() for output in node.outputs())
    return max(3.0, largest / (width * height))
