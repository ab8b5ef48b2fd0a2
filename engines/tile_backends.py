"""Tiled painting and the backends: how large a picture is painted whole, the precision of tiles, layer statistics.

Statistics must be those of the numbers that the net computes with: measured in float32 and used in float16, they
let flat pictures overflow (emulated: infinite after a few layers). GPU backends cannot run the measuring graphs of
`engines.tiling`, so the CPU measures for them, in float32, and they paint such tiles in float32.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.contract import EngineOptions, EngineSpec, Picture, StyleVector, padded_size
from engines.errors import BackendError
from engines.net_file import NetFile
from engines.nvidia.driver import Gpu
from engines.onnxruntime_backend import open_session
from engines.openvino_backend import openvino_core

__all__ = ["Measure", "ON_A_GPU", "open_measure", "options_for_tiles", "whole_on_gpu"]

Measure = Callable[[Picture, StyleVector, "NDArray[np.float32]"], "NDArray[np.float64]"]
"""(tile, style, window) to float64 `(2, channels)`: averages over the window of x and of x * x.

tile: uint8 `(h, w, 3)` RGB. style: float32, what `Statistics.packed` gives. window: float32 (4,), top, bottom, left and
right in 0..1."""
_Run = Callable[["dict[str, NDArray[Any]]"], "NDArray[Any]"]

ON_A_GPU = ("tensorrt", "tensorrt-rtx", "torch")
"""Backends that are measured for on the CPU."""
_MEASURED = "f32"
_SIDE = 256
_ALIVE = 3
"""Tensors of the largest kind that are there at once, in float32 as around a norm: what goes in, what comes out, and
one more. An estimate that is meant to be too high: nothing was measured on a GPU."""
_SHARE = 0.5
"""Of the GPU's memory: screens, other programs and the runtime need the rest."""
_MOST_ELEMENTS = 2**31 - 1
"""Of one tensor, in TensorRT."""


def whole_on_gpu(net: NetFile, gpu: Gpu) -> int:
    """Pixels of the largest picture that is painted whole on a GPU: by the memory that the net's tensors take there."""
    elements = _elements_per_pixel(net.model, net.spec.size_multiple)
    return int(min(_SHARE * gpu.memory / (_ALIVE * 4 * elements), _MOST_ELEMENTS / elements))


@functools.lru_cache(maxsize=4)
def _elements_per_pixel(model: bytes, multiple: int) -> float:
    """Of the largest tensor, for each pixel of the picture that goes in. OpenVINO works out the shapes."""
    width, height = padded_size((_SIDE, _SIDE), multiple)
    graph = openvino_core().read_model(model)
    graph.reshape({"frame": [1, height, width, 3]})
    largest: int = max(math.prod(output.get_shape()) for node in graph.get_ordered_ops() for output in node.outputs())
    return max(3.0, largest / (width * height))


def options_for_tiles(backend: str, options: EngineOptions) -> EngineOptions:
    """The options for an engine that paints tiles with measured statistics. Raises BackendError."""
    if options.precision == "int8":
        raise BackendError("tiles are painted in bf16 or f32, got int8: leave the precision out, or use --tile 0")
    if backend not in ON_A_GPU:
        return options
    if options.precision not in (None, _MEASURED):
        raise BackendError(
            f"{backend} paints tiles in {_MEASURED}, got {options.precision}: leave the precision to it, use --tile 0, "
            "or go on with --backend openvino"
        )
    return replace(options, precision=_MEASURED)


def open_measure(model: bytes, spec: EngineSpec) -> Measure:
    """Make a measuring graph ready, in the precision of the engine that paints the tiles. Raises BackendError.

    spec: of that engine, opened with `options_for_tiles`; it says the size of the tiles, too.
    """
    if spec.backend not in _BACKENDS:
        able = " or ".join(sorted(set(_BACKENDS) - set(ON_A_GPU)))
        raise BackendError(f"{spec.backend} cannot measure tiles yet: use --backend {able}, or --tile 0")
    try:
        names, run = _BACKENDS[spec.backend](model, spec)
    except Exception as error:  # vendors' errors have no common base but Exception
        raise BackendError(f"{spec.backend} cannot compile the measuring graph: {error}") from error

    def measure(tile: Picture, style: StyleVector, window: NDArray[np.float32]) -> NDArray[np.float64]:
        feed: dict[str, NDArray[Any]] = {"frame": tile[None], "style": style[None], "window": window}
        try:
            moments = run({name: feed[name] for name in names})  # the first layer's graph takes no style
        except Exception as error:  # as above
            raise BackendError(f"{spec.backend} failed on a tile: {error}") from error
        return moments.astype(np.float64).reshape(2, -1)

    return measure


def _in_openvino(model: bytes, spec: EngineSpec) -> tuple[list[str], _Run]:
    width, height = spec.size
    graph = openvino_core().read_model(model)
    shapes = {"frame": [1, height, width, 3], "style": [1, spec.net.style_length], "window": [4]}
    names = [port.any_name for port in graph.inputs]
    graph.reshape({name: shapes[name] for name in names})
    config: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": spec.precision,
    }
    compiled = openvino_core().compile_model(graph, "CPU", config)
    return names, lambda feed: compiled(feed)[compiled.output(0)]


def _in_onnxruntime(model: bytes, spec: EngineSpec) -> tuple[list[str], _Run]:  # noqa: ARG001 (sizes are open)
    session = open_session(model)
    names = [port.name for port in session.get_inputs()]
    return names, lambda feed: np.asarray(session.run(["moments"], feed)[0])


_BACKENDS: dict[str, Callable[[bytes, EngineSpec], tuple[list[str], _Run]]] = {
    "onnxruntime": _in_onnxruntime,
    "openvino": _in_openvino,
    **dict.fromkeys(ON_A_GPU, _in_openvino),
}
