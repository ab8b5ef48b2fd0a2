"""Nets of every kind that people have, small: for conversion, builds and the torch backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.import_onnx import net_from_onnx
from engines.library import Library
from engines.net_file import NetFile, NetSpec, net_from_model
from tests.engines.nets import identity_net, shift_net, tint_net
from tests.engines.plain_nets import plain_model

__all__ = ["NETS", "net_called"]

_SMALL = ("moves-nothing", "enlarges-by-3", "moves-pixels", "tints", "imported", "upscales-by-4")
NETS = (*sorted(Library().nets()), *_SMALL)
"""The shipped nets and small ones."""


def net_called(name: str, folder: Path) -> NetFile:
    """One of NETS; `folder` is for files on the way."""
    if name == "imported":
        path = folder / "imported.onnx"
        onnx.save(plain_model(), path)
        return net_from_onnx(path, name="imported").net
    made = {
        "moves-nothing": identity_net,
        "enlarges-by-3": lambda: identity_net(scale=3),
        "moves-pixels": lambda: shift_net(3, size_multiple=1),
        "tints": tint_net,
        "upscales-by-4": _upscaler,
    }
    return made[name]() if name in made else Library().net(name)


def _upscaler() -> NetFile:
    """Two convolutions at low resolution and a pixel shuffle, added to the picture enlarged."""
    chance = np.random.default_rng(3)
    weights = {
        "first": chance.normal(0, 0.2, (12, 3, 3, 3)).astype(np.float32),
        "first_bias": chance.normal(0, 0.1, 12).astype(np.float32),
        "second": chance.normal(0, 0.05, (48, 12, 3, 3)).astype(np.float32),
        "scales": np.array([1, 1, 4, 4], np.float32),
        "white": np.float32(255),
        "zero": np.float32(0),
        "one": np.float32(1),
    }
    nodes = [
        helper.make_node("Cast", ["frame"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Div", ["planes", "white"], ["x"]),
        helper.make_node("Conv", ["x", "first", "first_bias"], ["a"], pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node("LeakyRelu", ["a"], ["b"], alpha=0.1),
        helper.make_node("Conv", ["b", "second"], ["c"], pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node("DepthToSpace", ["c"], ["detail"], blocksize=4, mode="CRD"),
        helper.make_node(
            "Resize", ["x", "", "scales"], ["larger"], mode="linear", coordinate_transformation_mode="half_pixel"
        ),
        helper.make_node("Add", ["larger", "detail"], ["sum"]),
        helper.make_node("Clip", ["sum", "zero", "one"], ["clipped"]),
        helper.make_node("Mul", ["clipped", "white"], ["bright"]),
        helper.make_node("Round", ["bright"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["bytes"], to=TensorProto.UINT8),
        helper.make_node("Transpose", ["bytes"], ["image"], perm=[0, 2, 3, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "upscaler",
        [helper.make_tensor_value_info("frame", TensorProto.UINT8, [1, "h", "w", 3])],
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "hs", "ws", 3])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return net_from_model(model, NetSpec(name="upscales-by-4", kind="upscale", scale=4))
