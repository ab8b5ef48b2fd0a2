"""The parity check: does an engine paint the same as the reference, which is the net on the CPU in float32?

Also the reference runner, for float graphs that are not nets yet.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engines import onnxruntime_backend, openvino_backend
from engines.contract import Engine, EngineOptions, Picture, StyleVector
from engines.errors import BackendError, MissingPackageError, StyleFileError
from engines.library import Library
from engines.net_file import NetFile

if TYPE_CHECKING:
    import onnx

__all__ = [
    "LOWEST_DB",
    "Planes",
    "ReferenceRunner",
    "check_engine",
    "check_graph",
    "first_line",
    "parity",
    "reference_engine",
    "trial_pictures",
    "trial_style",
]

LOWEST_DB = {"f16": 45.0, "f32": 55.0}
"""PSNR in dB that an engine of a precision must reach on every picture with something in it."""
_MOST_APART = 64.0
"""Of 255: how far the mean colours of a black or white picture may be apart. NaN comes out as black."""
_GRAPH_SIZE = (320, 240)

Planes = NDArray[np.float32]
"""float32 `(1, 3, h, w)`, RGB, in the range that the graph was trained for."""
_LONGEST = 240
"""Letters of a runtime's explanation."""


def check_graph(net: NetFile, graph: NetFile, precision: str) -> float:
    """Compare the graph that is to be compiled with its float32 net, both on the CPU. Returns the lowest PSNR in dB.

    A CPU computes half operators in float32, so this shows wrong conversions, not overflows: those are ruled out by
    structure (`engines.fp16.check_typing`). Raises BackendError below LOWEST_DB.
    """
    with reference_engine(graph, _GRAPH_SIZE) as engine:
        return _checked(engine, net, precision, f"the {precision} graph of net {net.spec.name}")


def check_engine(engine: Engine, net: NetFile, precision: str) -> float:
    """Compare an engine, on its GPU, with the float32 net on the CPU. Returns the lowest PSNR; raises BackendError."""
    return _checked(engine, net, precision, f"the engine on {engine.spec.device}")


def _checked(engine: Engine, net: NetFile, precision: str, what: str) -> float:
    found_db, apart = parity(engine, net)
    if not (found_db >= LOWEST_DB[precision] and apart <= _MOST_APART):
        raise BackendError(
            f"{what} does not paint what the CPU paints ({found_db:.1f} dB, at least {LOWEST_DB[precision]:.0f} is "
            f"expected; black and white differ by {apart:.0f} of 255): it is not used; try --precision f32, or go on "
            "with --backend openvino"
        )
    return found_db


def parity(engine: Engine, net: NetFile) -> tuple[float, float]:
    """The lowest PSNR in dB on pictures with something in them, and how far the mean colour of flat ones is apart.

    A norm divides a flat picture's rounding errors by almost nothing: any runtime paints noise there, each its own.
    """
    style = trial_style(net)
    lowest, apart = float("inf"), 0.0
    with reference_engine(net, engine.spec.size) as reference:
        for picture in trial_pictures(engine.spec.size):
            reference.submit(picture, style)
            engine.submit(picture, style)
            one, other = reference.collect(), engine.collect()
            if np.ptp(picture) == 0:
                apart = max(apart, float(np.abs(one.mean(axis=(0, 1)) - other.mean(axis=(0, 1))).max()))
            else:
                lowest = min(lowest, _psnr_db(one, other))
    return lowest, apart


def trial_pictures(size: tuple[int, int]) -> list[Picture]:
    """Pictures of (width, height), uint8 `(h, w, 3)` RGB: black, white, noise, and shapes with soft and hard edges."""
    width, height = size
    random = np.random.default_rng(5)
    noise = random.integers(0, 256, (height, width, 3), np.uint8)
    y, x = np.mgrid[0:height, 0:width]
    waves = [127.5 + 127.5 * np.sin(x / (9 + 7 * c) + y / (23 - 5 * c)) for c in range(3)]
    scene = np.stack(waves, axis=-1).astype(np.uint8)
    scene[height // 4 : height // 2, width // 4 : width // 2] = (230, 40, 60)
    scene[height // 2 :, : width // 3] //= 3
    return [np.zeros_like(noise), np.full_like(noise, 255), noise, scene]


def trial_style(net: NetFile) -> StyleVector | None:
    """A style of the net, or any vector where none is installed; None for a net without styles.

    Larger numbers let a net of tiles, whose statistics are a part of its style, grow until two runtimes differ.
    """
    length = net.spec.style_length
    if not length:
        return None
    library = Library()
    for name in library.styles_of(net):
        try:
            return library.style(name, net).vector
        except StyleFileError:
            continue  # of another file of that net
    return np.random.default_rng(7).uniform(0.3, 1.0, length).astype(np.float32)


def reference_engine(net: NetFile, size: tuple[int, int]) -> Engine:
    """The net on the CPU in f32, for frames of `size` (width, height), one at a time.

    OpenVINO runs it where it can be used, ONNX Runtime otherwise. Raises BackendError or MissingPackageError.
    """
    options = EngineOptions(precision="f32", depth=1)
    try:
        openvino_backend.openvino_core()
    except (BackendError, MissingPackageError):
        return onnxruntime_backend.open_engine(net, size, options)
    return openvino_backend.open_engine(net, size, options)


class ReferenceRunner:
    """Calls a float graph as it is with one picture, in float32: what an imported net is measured against.

    ONNX Runtime runs it where it is installed, OpenVINO otherwise.
    """

    def __init__(self, model: onnx.ModelProto, label: str, *, extra_outputs: Sequence[str] = ()) -> None:
        """extra_outputs: tensors inside the graph that `shapes` tells of. BackendError where it does not load."""
        self._label = label
        self._names = [model.graph.output[0].name, *dict.fromkeys(extra_outputs)]
        load = _in_onnxruntime if importlib.util.find_spec("onnxruntime") else _in_openvino
        try:
            self._run = load(_with_outputs(model, self._names), self._names)
        except Exception as error:  # the runtimes' errors have no common base but Exception
            raise BackendError(f"{label}: the graph cannot be loaded: {first_line(error)}") from error

    def __call__(self, planes: Planes) -> Planes:
        """What the graph makes of float32 `(1, 3, h, w)`. Raises BackendError for a size that it does not take."""
        return self._outputs(planes)[0]

    def shapes(self, planes: Planes) -> dict[str, tuple[int, ...]]:
        """Shapes of the output and of the extra outputs, by name."""
        return {name: array.shape for name, array in zip(self._names, self._outputs(planes), strict=True)}

    def _outputs(self, planes: Planes) -> list[Planes]:
        try:
            return [np.asarray(array, np.float32) for array in self._run(planes)]
        except Exception as error:
            raise BackendError(f"{self._label}: the graph cannot be run: {first_line(error)}") from error


def _with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> bytes:
    import onnx

    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    for name in names[1:]:
        shown.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    content: bytes = shown.SerializeToString()
    return content


def _in_onnxruntime(content: bytes, names: list[str]) -> Callable[[Planes], Sequence[Any]]:
    session = onnxruntime_backend.open_session(content)
    weights = {value.name for value in session.get_overridable_initializers()}
    name = next(value.name for value in session.get_inputs() if value.name not in weights)
    return lambda planes: session.run(names, {name: planes})


def _in_openvino(content: bytes, names: list[str]) -> Callable[[Planes], Sequence[Any]]:
    core = openvino_backend.openvino_core()
    compiled = core.compile_model(core.read_model(content), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(planes: Planes) -> list[Any]:
        results = compiled({0: planes})
        return [results[name] for name in names]

    return run


def first_line(error: BaseException) -> str:
    """The first line of what a runtime says, cut where it gets long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:_LONGEST] if lines else type(error).__name__


def _psnr_db(one: Picture, other: Picture) -> float:
    error = float(np.mean((one.astype(np.float32) - other.astype(np.float32)) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))
