"""The net of pytorch/examples fast_neural_style (`TransformerNet`): its layers, and the ONNX graph of its weights.

The net of Johnson, Alahi, Fei-Fei 2016 with reflection padding, nearest upsampling, instance norm and pictures in
0..255 at both ends. Nothing here needs PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from engines.onnx_graph import OPSET

__all__ = ["EPSILON", "TransformerLayer", "graph_from_arrays", "transformer_layers"]

EPSILON = 1e-5
"""Of PyTorch's instance norm."""
_PIXEL_REPEAT = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


@dataclass(frozen=True, kw_only=True)
class TransformerLayer:
    """Reflection padding, convolution, instance norm, ReLU, with what stands before and behind."""

    conv: str
    norm: str | None
    stride: int = 1
    enlarge: int = 1
    """Nearest upsampling before the padding."""
    relu: bool = True
    opens: bool = False
    """What comes in is kept for the end of a residual block."""
    closes: bool = False
    """What was kept is added."""


def transformer_layers(blocks: int) -> list[TransformerLayer]:
    """All of a net with so many residual blocks, in the order in which they run."""
    layers = [
        TransformerLayer(conv="conv1", norm="in1"),
        TransformerLayer(conv="conv2", norm="in2", stride=2),
        TransformerLayer(conv="conv3", norm="in3", stride=2),
    ]
    for number in range(1, blocks + 1):
        block = f"res{number}"
        layers.append(TransformerLayer(conv=f"{block}.conv1", norm=f"{block}.in1", opens=True))
        layers.append(TransformerLayer(conv=f"{block}.conv2", norm=f"{block}.in2", relu=False, closes=True))
    layers.append(TransformerLayer(conv="deconv1", norm="in4", enlarge=2))
    layers.append(TransformerLayer(conv="deconv2", norm="in5", enlarge=2))
    layers.append(TransformerLayer(conv="deconv3", norm=None, relu=False))
    return layers


def graph_from_arrays(weights: Mapping[str, NDArray[np.float32]], *, blocks: int) -> onnx.ModelProto:
    """An ONNX graph that takes and gives float `(1, 3, h, w)`, RGB, 0..255; `blocks` are residual ones."""
    node = helper.make_node
    nodes, kept, x = [], "", "picture"
    constants: dict[str, NDArray[Any]] = {"twice": np.array([1, 1, 2, 2], np.float32)}
    for layer in transformer_layers(blocks):
        conv, pad = layer.conv, weights[f"{layer.conv}.conv2d.weight"].shape[-1] // 2
        kept = x if layer.opens else kept
        if layer.enlarge > 1:
            nodes.append(node("Resize", [x, "", "twice"], [f"{conv}.larger"], mode="nearest", **_PIXEL_REPEAT))
            x = f"{conv}.larger"
        constants[f"pad{pad}"] = np.array([0, 0, pad, pad, 0, 0, pad, pad], np.int64)
        nodes.append(node("Pad", [x, f"pad{pad}"], [f"{conv}.padded"], mode="reflect"))
        inputs = [f"{conv}.padded", f"{conv}.conv2d.weight", f"{conv}.conv2d.bias"]
        nodes.append(node("Conv", inputs, [f"{conv}.out"], strides=[layer.stride] * 2))
        x = f"{conv}.out"
        if layer.norm:
            inputs = [x, f"{layer.norm}.weight", f"{layer.norm}.bias"]
            nodes.append(node("InstanceNormalization", inputs, [f"{layer.norm}.out"], epsilon=EPSILON))
            x = f"{layer.norm}.out"
        if layer.relu:
            nodes.append(node("Relu", [x], [f"{conv}.relu"]))
            x = f"{conv}.relu"
        if layer.closes:
            nodes.append(node("Add", [x, kept], [f"{conv}.sum"]))
            x = f"{conv}.sum"
    initializers = [numpy_helper.from_array(value, key) for key, value in weights.items()]
    initializers += [numpy_helper.from_array(value, key) for key, value in constants.items()]
    return helper.make_model(
        helper.make_graph(
            nodes,
            "TransformerNet",
            [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, "h", "w"])],
            [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, 3, "out_h", "out_w"])],
            initializer=initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
    )
