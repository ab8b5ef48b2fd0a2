"""Running the measuring graphs of a tiled net: a tile goes in, the moments of one layer come out.

Statistics must be those of the numbers that the painter computes with: measured in float32 and used in float16, they
let flat pictures overflow (emulated: infinite after a few layers). GPU backends cannot run these graphs, so the CPU
measures for them, in float32, and they paint such tiles in float32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engines.contract import EngineOptions, EngineSpec, Picture, StyleVector
from engines.errors import BackendError
from engines.quiet_openvino import openvino_module

if TYPE_CHECKING:
    import openvino

__all__ = ["Measure", "ON_A_GPU", "open_measure", "options_for_tiles"]

Measure = Callable[[Picture, StyleVector, "NDArray[np.float32]"], "NDArray[np.float64]"]
"""(tile, style, window) to float64 `(2, channels)`: averages of x and of x * x, see GraphParts.moments.

tile: uint8 `(h, w, 3)` RGB. style: float32, what `Statistics.packed` gives. window: float32 (4,)."""

ON_A_GPU = ("tensorrt", "tensorrt-rtx", "torch")
"""Backends that are measured for on the CPU."""
_MEASURED = "f32"
_FATAL_ONLY = 4


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


def open_measure(model: bytes, painter: EngineSpec) -> Measure:
    """Make a measuring graph ready for tiles of the size, in the precision of the tiles' painter. Raises BackendError.

    painter: opened with `options_for_tiles`.
    """
    if painter.backend not in _BACKENDS:
        able = " or ".join(sorted(set(_BACKENDS) - set(ON_A_GPU)))
        raise BackendError(f"{painter.backend} cannot measure tiles yet: use --backend {able}, or --tile 0")
    try:
        return _BACKENDS[painter.backend](model, painter)
    except Exception as error:  # vendors' errors have no common base but Exception
        raise BackendError(f"{painter.backend} cannot compile the measuring graph: {error}") from error


def _with_openvino(model: bytes, painter: EngineSpec) -> Measure:
    width, height = painter.size
    graph = _openvino_core().read_model(model)
    shapes = {"frame": [1, height, width, 3], "style": [1, painter.net.style_length], "window": [4]}
    names = [port.any_name for port in graph.inputs]
    graph.reshape({name: shapes[name] for name in names})
    config: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": painter.precision,
    }
    compiled = _openvino_core().compile_model(graph, "CPU", config)

    def run(feed: dict[str, NDArray[Any]]) -> NDArray[Any]:
        moments: NDArray[Any] = compiled(feed)[compiled.output(0)]
        return moments

    return _measured_with(run, names, painter.backend)


@functools.cache
def _openvino_core() -> openvino.Core:
    core: openvino.Core = openvino_module().Core()
    return core


def _with_onnxruntime(model: bytes, painter: EngineSpec) -> Measure:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(feed: dict[str, NDArray[Any]]) -> NDArray[Any]:
        return np.asarray(session.run(["moments"], feed)[0])

    return _measured_with(run, [port.name for port in session.get_inputs()], painter.backend)


def _measured_with(run: Callable[[dict[str, NDArray[Any]]], NDArray[Any]], names: list[str], backend: str) -> Measure:
    def measure(tile: Picture, style: StyleVector, window: NDArray[np.float32]) -> NDArray[np.float64]:
        try:
            feed: dict[str, NDArray[Any]] = {"frame": tile[None], "style": style[None], "window": window}
            moments = run({name: feed[name] for name in names})  # the first layer's graph takes no style
        except Exception as error:  # as above
            raise BackendError(f"{backend} failed on a tile: {error}") from error
        return moments.astype(np.float64).reshape(2, -1)

    return measure


_BACKENDS: dict[str, Callable[[bytes, EngineSpec], Measure]] = {
    "onnxruntime": _with_onnxruntime,
    "openvino": _with_openvino,
    **dict.fromkeys(ON_A_GPU, _with_openvino),
}
