"""Nets with and without normalisation, small enough to reason about."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.net_file import NetFile, NetSpec, net_from_model

__all__ = ["affine_net", "global_net", "normalising_net", "sharpening_net"]

_OPSET = 18


def normalising_net(*, computed_scale: bool = False) -> NetFile:
    """The picture, each channel normalised to mean 128 and deviation 50."""
    nodes = [
        *_front(),
        helper.make_node("Identity", ["fifty"], ["computed"]),
        helper.make_node(
            "InstanceNormalization", ["planes", "computed" if computed_scale else "fifty", "middle"], ["even"]
        ),
        *_back("even"),
    ]
    weights = [_weights("fifty", np.full(3, 50.0)), _weights("middle", np.full(3, 128.0))]
    return _net(nodes, weights, NetSpec(name="even", kind="style"))


def affine_net(*, seed: int = 0) -> NetFile:
    """Convolution, affine normalisation, convolution at half size, normalisation, transposed convolution: no style."""
    rng = np.random.default_rng(seed)
    weights = [
        _weights("first", rng.normal(0, 0.2, (8, 3, 3, 3))),
        _weights("scale", rng.uniform(0.5, 2, 8)),
        _weights("shift", rng.normal(0, 1, 8)),
        _weights("down", rng.normal(0, 0.2, (8, 8, 3, 3))),
        _weights("up", rng.normal(0, 10, (8, 3, 4, 4))),
        _weights("ones", np.ones(8)),
        _weights("zeros", np.zeros(8)),
        _weights("middle", np.full((1, 3, 1, 1), 128.0)),
    ]
    nodes = [
        *_front(),
        helper.make_node("Conv", ["planes", "first"], ["a"], pads=[1] * 4),
        helper.make_node("InstanceNormalization", ["a", "scale", "shift"], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("Conv", ["c", "down"], ["d"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("InstanceNormalization", ["d", "ones", "zeros"], ["e"]),
        helper.make_node("ConvTranspose", ["e", "up"], ["f"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Add", ["f", "middle"], ["g"]),
        *_back("g"),
    ]
    return _net(nodes, weights, NetSpec(name="affine", kind="style", margin=8, size_multiple=2))


def sharpening_net(*, scale: int, name: str = "sharp") -> NetFile:
    """An upscaler that looks three pixels far: pixels repeated, then sharpened with those around them."""
    kernel = np.zeros((3, 3, 7, 7))
    kernel[[0, 1, 2], [0, 1, 2]] = -1 / 49
    kernel[[0, 1, 2], [0, 1, 2], 3, 3] += 2
    nodes = [
        *_front(),
        helper.make_node("Conv", ["planes", "kernel"], ["sharp"], pads=[3] * 4),
        helper.make_node("Resize", ["sharp", "", "scales"], ["large"], mode="nearest"),
        *_back("large"),
    ]
    weights = [_weights("kernel", kernel), _weights("scales", np.array([1, 1, scale, scale]))]
    return _net(nodes, weights, NetSpec(name=name, kind="upscale", scale=scale, margin=3))


def global_net() -> NetFile:
    """The picture less its own mean, in operators that cannot be told from others that look at everything."""
    nodes = [
        *_front(),
        helper.make_node("GlobalAveragePool", ["planes"], ["mean"]),
        helper.make_node("Sub", ["planes", "mean"], ["less"]),
        *_back("less"),
    ]
    return _net(nodes, [], NetSpec(name="global", kind="style"))


def _front() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Cast", ["frame"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["planes"], perm=[0, 3, 1, 2]),
    ]


def _back(name: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Clip", [name, "black", "white"], ["clamped"]),
        helper.make_node("Round", ["clamped"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["bytes"], to=TensorProto.UINT8),
        helper.make_node("Transpose", ["bytes"], ["image"], perm=[0, 2, 3, 1]),
    ]


def _weights(name: str, values: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)


def _net(nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto], spec: NetSpec) -> NetFile:
    ends = [_weights("black", np.array(0.0)), _weights("white", np.array(255.0))]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("frame", TensorProto.UINT8, [1, "h", "w", 3])],
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "oh", "ow", 3])],
        initializer=[*weights, *ends],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    return net_from_model(model, spec)
