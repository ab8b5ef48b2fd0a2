"""Plain single-style ONNX graphs in the forms in which people have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["plain_model"]

_CHANNELS = 6
_HALF = 2


def plain_model(
    *,
    opset: int = 18,
    size: tuple[int, int] | None = None,
    white: int = 255,
    enlarge: str = "scales",
    weights_as_inputs: bool = False,
    seed: int = 0,
) -> onnx.ModelProto:
    """conv, norm, ReLU, conv to half the size, norm, ReLU, nearest upsampling, conv: a net of Johnson's kind, small.

    size: (width, height) for which it is traced, None for any. white: of both ends, 255 or 1.
    enlarge: `scales` (a constant factor), `sizes` (a size that was traced in), `chain` (computed from the shape),
    `division` (a factor computed from a size that was traced in; opset 9 and 10).
    weights_as_inputs: as files of IR version 3 have them.
    """
    chance = np.random.default_rng(seed)
    weights: dict[str, Any] = {}
    nodes: list[onnx.NodeProto] = []

    def add(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def conv(x: str, name: str, before: int, after: int, *, kernel: int, stride: int = 1, gain: float = 1.0) -> str:
        pads = [0, 0, kernel // 2, kernel // 2] * 2
        if opset < 11:
            x = add("Pad", [x], f"{name}_padded", mode="reflect", pads=pads)
        else:
            weights[f"{name}_pads"] = np.array(pads, np.int64)
            x = add("Pad", [x, f"{name}_pads"], f"{name}_padded", mode="reflect")
        spread = gain / np.sqrt(before * kernel * kernel)
        weights[f"{name}_weight"] = chance.normal(0, spread, (after, before, kernel, kernel)).astype(np.float32)
        weights[f"{name}_bias"] = np.full(after, white / 2 if after == 3 else 0.1, np.float32)
        inputs = [x, f"{name}_weight", f"{name}_bias"]
        return add("Conv", inputs, name, kernel_shape=[kernel] * 2, strides=[stride] * 2)

    def norm(x: str, name: str) -> str:
        weights[f"{name}_scale"] = chance.uniform(0.5, 1.5, _CHANNELS).astype(np.float32)
        weights[f"{name}_shift"] = chance.uniform(-0.3, 0.3, _CHANNELS).astype(np.float32)
        x = add("InstanceNormalization", [x, f"{name}_scale", f"{name}_shift"], name, epsilon=1e-5)
        return add("Relu", [x], f"{name}_relu")

    x = norm(conv("input1", "conv1", 3, _CHANNELS, kernel=5), "norm1")
    x = norm(conv(x, "conv2", _CHANNELS, _CHANNELS, kernel=3, stride=_HALF), "norm2")
    x = _enlarged(x, enlarge, opset, size, weights, add)
    conv(x, "output1", _CHANNELS, 3, kernel=3, gain=white / 4)
    sides: list[Any] = [size[1], size[0]] if size else ["height", "width"]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, *sides]) for name in ("input1", "output1")]
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    inputs = ends[:1]
    if weights_as_inputs:
        inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors]
    return helper.make_model(
        helper.make_graph(nodes, "torch-jit-export", inputs, ends[1:], initializer=tensors),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=3 if weights_as_inputs else 8,
    )


def _enlarged(  # noqa: PLR0917
    x: str, how: str, opset: int, size: tuple[int, int] | None, weights: dict[str, Any], add: Any
) -> str:
    twice = [1.0, 1.0, float(_HALF), float(_HALF)]
    if opset < 9:
        return str(add("Upsample", [x], "larger", mode="nearest", scales=twice))
    roi = none = ""
    if 11 <= opset < 13:  # could not be left out yet
        weights["none"] = np.zeros(0, np.float32)
        roi = none = "none"
    if how == "division":  # as PyTorch 1.0 to 1.2 traced it, with the size that comes out as a constant
        assert size is not None
        weights["larger_size"] = np.array([1, _CHANNELS, size[1], size[0]], np.float32)
        before = add("Cast", [str(add("Shape", [x], "shape"))], "numbers", to=TensorProto.FLOAT)
        inputs = [x, str(add("Div", ["larger_size", before], "factors"))]
    elif how == "scales" or opset < 10:
        weights["twice"] = np.array(twice, np.float32)
        inputs = [x, "twice"] if opset < 11 else [x, roi, "twice"]
    elif how == "sizes":
        assert size is not None
        weights["larger_size"] = np.array([1, _CHANNELS, size[1], size[0]], np.int64)
        inputs = [x, roi, none, "larger_size"]
    else:
        weights["twice"] = np.array([1, 1, _HALF, _HALF], np.int64)
        inputs = [x, roi, none, str(add("Mul", [str(add("Shape", [x], "shape")), "twice"], "larger_size"))]
    attributes = {} if opset < 11 else {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return str(add("Upsample" if opset < 10 else "Resize", inputs, "larger", mode="nearest", **attributes))
