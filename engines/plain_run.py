"""A float ONNX graph as it is, run once or a few times in float32: what an imported net is measured against."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import BackendError
from engines.quiet_openvino import openvino_module

if TYPE_CHECKING:
    import onnx

__all__ = ["PlainNet", "Planes"]

Planes = NDArray[np.float32]
"""float32 `(1, 3, h, w)`, RGB, in the range that the graph was trained for."""

_FATAL_ONLY = 4
_LONGEST = 240
"""Letters of a runtime's explanation."""


class PlainNet:
    """Calls a graph with one picture. ONNX Runtime runs it where it is installed, OpenVINO otherwise."""

    def __init__(self, model: onnx.ModelProto, label: str, *, extra_outputs: Sequence[str] = ()) -> None:
        """`extra_outputs`: tensors inside the graph to be looked at. Raises BackendError where no runtime takes it."""
        self._label = label
        self._names = [model.graph.output[0].name, *dict.fromkeys(extra_outputs)]
        self._run = _onnxruntime if importlib.util.find_spec("onnxruntime") else _openvino
        self._content = _with_outputs(model, self._names)
        try:
            self._ready = self._run(self._content)
        except Exception as error:  # the runtimes' errors have no common base but Exception
            raise BackendError(f"{label}: the graph cannot be loaded: {_first_line(error)}") from error

    def __call__(self, planes: Planes) -> Planes:
        """What the graph makes of float32 `(1, 3, h, w)`. Raises BackendError for a size that it does not take."""
        return self._outputs(planes)[0]

    def shapes(self, planes: Planes) -> dict[str, tuple[int, ...]]:
        """Shapes of the output and of the extra outputs, by name."""
        return {name: array.shape for name, array in zip(self._names, self._outputs(planes), strict=True)}

    def _outputs(self, planes: Planes) -> list[Planes]:
        try:
            return [np.asarray(array, np.float32) for array in self._ready(planes, self._names)]
        except Exception as error:
            raise BackendError(f"{self._label}: the graph cannot be run: {_first_line(error)}") from error


def _with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> bytes:
    import onnx

    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    for name in names[1:]:
        shown.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    content: bytes = shown.SerializeToString()
    return content


def _onnxruntime(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    weights = {value.name for value in session.get_overridable_initializers()}
    name = next(value.name for value in session.get_inputs() if value.name not in weights)
    return lambda planes, names: session.run(list(names), {name: planes})


def _openvino(content: bytes) -> Any:
    openvino = openvino_module()
    model = openvino.Core().read_model(content)
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(planes: Planes, names: Sequence[str]) -> list[Any]:
        results = compiled({0: planes})
        return [results[name] for name in names]

    return run


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:_LONGEST] if lines else type(error).__name__
