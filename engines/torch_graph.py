"""A net file's graph as PyTorch calls: the operators that transform nets are made of, and no others.

torch is imported inside the functions: this module is loaded by `engines.torch_backend` alone. On a CPU it is checked
against the other backends; not yet run on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.errors import BackendError
from engines.net_file import NetFile

if TYPE_CHECKING:
    import onnx
    import torch

__all__ = ["GraphModule", "load_graph"]

Values = dict[str, Any]

_READ_ON_HOST = ("Pad", "Resize")
"""Operators whose second and third input (sizes, scales, a fill value) are needed on the host: reading them back from a
GPU would stop its stream, and cannot be recorded into a CUDA graph."""


class GraphModule:
    """Runs a graph, node by node, on one device. Weights are there from the start; nothing is kept between runs."""

    def __init__(self, steps: list[tuple[Callable[..., Any], onnx.NodeProto, Values]], weights: Values) -> None:
        self._steps, self._weights = steps, weights

    def __call__(self, frame: torch.Tensor, style: torch.Tensor | None = None) -> torch.Tensor:
        """frame: uint8 `(1, h, w, 3)`; style: float32 `(1, d)`. Returns uint8 `(1, h * s, w * s, 3)`."""
        values: Values = {**self._weights, "frame": frame, "style": style, "": None}
        for function, node, attributes in self._steps:
            values[node.output[0]] = function(*(values[name] for name in node.input), **attributes)
        image: torch.Tensor = values["image"]
        return image


def load_graph(net: NetFile, device: str) -> GraphModule:
    """Make a typed graph (`engines.fp16`) runnable on `device`.

    Raises BackendError for an operator that is not known here.
    """
    import onnx
    import torch

    from engines.torch_operators import operators

    model = onnx.load_model_from_string(net.model)
    known = operators()
    steps = []
    for node in model.graph.node:
        if node.op_type not in known:
            raise BackendError(
                f"the torch backend does not know the operator {node.op_type} of net {net.spec.name}: "
                "go on with --backend openvino"
            )
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        steps.append((known[node.op_type], node, attributes))
    on_host = {name for node in model.graph.node for name in node.input[1:3] if node.op_type in _READ_ON_HOST}
    weights: Values = {}
    for tensor in model.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        is_sizes = array.dtype.kind != "f" or tensor.name in on_host
        weights[tensor.name] = array if is_sizes else _weight(torch, array, device)
    return GraphModule(steps, weights)


def _weight(torch: Any, array: np.ndarray, device: str) -> Any:
    weight = torch.from_numpy(array.copy()).to(device)
    return weight.to(memory_format=torch.channels_last) if array.ndim == 4 else weight
