"""Small nets whose result is known without running them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from engines.library import Style, write_style
from engines.net_file import NetFile, NetSpec, net_from_model, read_net, write_net

__all__ = [
    "add_net",
    "add_style",
    "identity_model",
    "identity_net",
    "read_changed",
    "shift_net",
    "slow_net",
    "tint_model",
    "tint_net",
    "vector",
]

OPSET = 18


def identity_model(*, scale: int = 1) -> onnx.ModelProto:
    """The picture that came, each pixel repeated `scale` times in both directions."""
    if scale == 1:
        return _model([*_front(), *_back("planes")], [], style_length=0)
    enlarge = helper.make_node("Resize", ["planes", "", "scales"], ["larger"], mode="nearest")
    scales = numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), "scales")
    return _model([*_front(), enlarge, *_back("larger")], [scales], style_length=0)


def tint_model() -> onnx.ModelProto:
    """The picture through a 1x1 convolution (of no effect) plus the style's three numbers, one a channel."""
    nodes = [
        *_front(),
        helper.make_node("Conv", ["planes", "weight"], ["same"], kernel_shape=[1, 1]),
        helper.make_node("Reshape", ["style", "shape"], ["colour"]),
        helper.make_node("Add", ["same", "colour"], ["tinted"]),
        *_back("tinted"),
    ]
    weights = [
        numpy_helper.from_array(np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), "weight"),
        numpy_helper.from_array(np.array([1, 3, 1, 1], np.int64), "shape"),
    ]
    return _model(nodes, weights, style_length=3)


def identity_net(*, name: str = "same", scale: int = 1, size_multiple: int = 1) -> NetFile:
    kind = "style" if scale == 1 else "upscale"
    return net_from_model(
        identity_model(scale=scale), NetSpec(name=name, kind=kind, scale=scale, size_multiple=size_multiple)
    )


def shift_net(pixels: int, *, size_multiple: int) -> NetFile:
    """The picture moved up and left by `pixels`: what engines put behind its edges comes into sight."""
    side = 2 * pixels + 1
    weight = np.zeros((3, 3, side, side), np.float32)
    weight[[0, 1, 2], [0, 1, 2], -1, -1] = 1
    nodes = [
        *_front(),
        helper.make_node("Conv", ["planes", "weight"], ["moved"], kernel_shape=[side, side], pads=[pixels] * 4),
        *_back("moved"),
    ]
    model = _model(nodes, [numpy_helper.from_array(weight, "weight")], style_length=0)
    return net_from_model(model, NetSpec(name="shift", kind="style", size_multiple=size_multiple))


def tint_net(*, name: str = "tint", size_multiple: int = 1) -> NetFile:
    return net_from_model(
        tint_model(), NetSpec(name=name, kind="style", style_length=3, size_multiple=size_multiple, licence="MIT")
    )


def slow_net(*, name: str = "slow", channels: int = 128) -> NetFile:
    """Does what `tint_net` does, with a hundred thousand times the work a pixel and more weights."""
    front, back = _front(), _back("tinted")
    wide, back_again = np.zeros((channels, 3, 1, 1), np.float32), np.zeros((3, channels, 1, 1), np.float32)
    wide[[0, 1, 2], [0, 1, 2]] = back_again[[0, 1, 2], [0, 1, 2]] = 1
    middle = np.zeros((channels, channels, 3, 3), np.float32)
    middle[range(channels), range(channels), 1, 1] = 1
    nodes = [
        *front,
        helper.make_node("Conv", ["planes", "wide"], ["many"], kernel_shape=[1, 1]),
        helper.make_node("Conv", ["many", "middle"], ["worked"], kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("Conv", ["worked", "narrow"], ["same"], kernel_shape=[1, 1]),
        helper.make_node("Reshape", ["style", "shape"], ["colour"]),
        helper.make_node("Add", ["same", "colour"], ["tinted"]),
        *back,
    ]
    weights = [
        numpy_helper.from_array(wide, "wide"),
        numpy_helper.from_array(middle, "middle"),
        numpy_helper.from_array(back_again, "narrow"),
        numpy_helper.from_array(np.array([1, 3, 1, 1], np.int64), "shape"),
    ]
    return net_from_model(_model(nodes, weights, style_length=3), NetSpec(name=name, kind="style", style_length=3))


def vector(red: float, green: float, blue: float) -> NDArray[np.float32]:
    """What `tint_net` adds to each pixel."""
    return np.array([red, green, blue], np.float32)


def add_net(folder: Path, net: NetFile) -> Path:
    """Write a net where a library over `folder` finds it."""
    path = folder / f"{net.spec.name}.onnx"
    write_net(path, net)
    return path


def add_style(folder: Path, net: NetFile, name: str, numbers: NDArray[np.float32]) -> Path:
    """Write a style of a net where a library over `folder` finds it."""
    path = folder / net.spec.name / f"{name}.safetensors"
    write_style(
        path,
        Style(
            name=name,
            vector=numbers,
            net=net.spec.name,
            net_digest=net.digest,
            title=f"The {name}",
            artist="A. Painter",
            year="1901",
            licence="public domain",
        ),
    )
    return path


def read_changed(folder: Path, change: Callable[[onnx.ModelProto], None]) -> NetFile:
    """Read `tint_net` from a file in which `change` has changed something."""
    model = onnx.load_model_from_string(tint_net().model)
    change(model)
    path = folder / "changed.onnx"
    path.write_bytes(model.SerializeToString())
    return read_net(path)


def _front() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Cast", ["frame"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["planes"], perm=[0, 3, 1, 2]),
    ]


def _back(name: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Constant", [], ["black"], value_float=0.0),
        helper.make_node("Constant", [], ["white"], value_float=255.0),
        helper.make_node("Clip", [name, "black", "white"], ["clamped"]),
        helper.make_node("Round", ["clamped"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["bytes"], to=TensorProto.UINT8),
        helper.make_node("Transpose", ["bytes"], ["image"], perm=[0, 2, 3, 1]),
    ]


def _model(nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto], *, style_length: int) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info("frame", TensorProto.UINT8, [1, "h", "w", 3])]
    if style_length:
        inputs.append(helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, style_length]))
    output = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "out_h", "out_w", 3])
    graph = helper.make_graph(nodes, "net", inputs, [output], initializer=weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
