"""Plain single-style ONNX graphs as people have them, made fit for a net file.

Such a graph takes one float picture `(1, 3, h, w)` and gives one back. Many are of old opsets, and many were traced
for one size only although nothing in their layers depends on it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import NetFileError
from engines.onnx_graph import check_standard
from engines.plain_run import PlainNet

if TYPE_CHECKING:
    import onnx

__all__ = ["OPSET", "fixed_size", "free_sizes", "graph_ends", "model_from_bytes", "receptive_margin", "with_new_opset"]

OPSET = 18
"""What older graphs are converted to; newer ones stay as they are."""
_OLDEST_KEPT = 13
_RESIZES = ("Resize", "Upsample")


def model_from_bytes(content: bytes, label: str) -> onnx.ModelProto:
    """Parse a plain ONNX file and refuse what no net may hold. Raises NetFileError."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError) as error:
        raise NetFileError(f"{label}: expected an ONNX file, but it cannot be parsed as one") from error
    if not model.graph.node:
        raise NetFileError(f"{label}: expected an ONNX file, found no graph in it")
    if any(prop.key == "rtstyle.format" for prop in model.metadata_props):
        raise NetFileError(f"{label}: a net file already: use it with --net {label}")
    check_standard(model, label)
    graph_ends(model, label)
    return model


def graph_ends(model: onnx.ModelProto, label: str) -> tuple[str, str]:
    """The names of the picture that goes in and of the one that comes out. Raises NetFileError."""
    weights = {tensor.name for tensor in model.graph.initializer}  # old files list them among the inputs too
    inputs = [value for value in model.graph.input if value.name not in weights]
    outputs = list(model.graph.output)
    for what, values in (("input", inputs), ("output", outputs)):
        if len(values) != 1:
            names = ", ".join(value.name for value in values) or "none"
            raise NetFileError(f"{label}: expected one {what}, a picture as float (1, 3, h, w), found {names}")
        tensor = values[0].type.tensor_type
        dims = [dim.dim_value for dim in tensor.shape.dim]  # 0 where it is not fixed
        known = tensor.HasField("shape") or what == "input"
        if tensor.elem_type != 1 or (known and (len(dims) != 4 or dims[0] > 1 or dims[1] not in (0, 3))):
            raise NetFileError(
                f"{label}: expected the {what} as float (1, 3, h, w), found type {tensor.elem_type} {tuple(dims)}"
            )
    return inputs[0].name, outputs[0].name


def fixed_size(model: onnx.ModelProto, label: str) -> tuple[int | None, int | None]:
    """(width, height) for which the graph was traced; None where it is open."""
    name, _ = graph_ends(model, label)
    dims = next(value for value in model.graph.input if value.name == name).type.tensor_type.shape.dim
    return dims[3].dim_value or None, dims[2].dim_value or None


def with_new_opset(model: onnx.ModelProto, label: str) -> onnx.ModelProto:
    """The same net in operators of OPSET, where those of the file are too old. Raises NetFileError."""
    import onnx
    from onnx import version_converter

    version = next((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), 1)
    if version >= _OLDEST_KEPT:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise NetFileError(f"{label}: cannot be converted from ONNX opset {version} to {OPSET}: {reason}") from error


def free_sizes(model: onnx.ModelProto, size: tuple[int, int], label: str) -> onnx.ModelProto:
    """A copy that takes any height and width as far as its layers allow; `size` is a (width, height) that it takes.

    Every resize to a size that was traced in becomes a resize by a factor, measured at `size`.
    """
    import onnx
    from onnx import numpy_helper

    name, output = graph_ends(model, label)
    freed = onnx.ModelProto()
    freed.CopyFrom(model)
    factors = _resize_factors(model, size, label)
    for number, node in enumerate(freed.graph.node):
        if node.op_type in _RESIZES and node.output[0] in factors:
            scales = f"rtstyle_scales_{number}"
            freed.graph.initializer.append(numpy_helper.from_array(factors[node.output[0]], scales))
            picture = node.input[0]
            del node.input[:]
            node.input.extend([picture, "", scales])
    weights = {tensor.name for tensor in freed.graph.initializer}
    kept = [value for value in freed.graph.input if value.name not in weights]
    del freed.graph.input[:]
    freed.graph.input.extend(kept)
    del freed.graph.value_info[:]
    for value, sides in ((freed.graph.input[0], ("h", "w")), (freed.graph.output[0], ("out_h", "out_w"))):
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, [1, 3, *sides]))
    assert (freed.graph.input[0].name, freed.graph.output[0].name) == (name, output)
    return freed


def _resize_factors(model: onnx.ModelProto, size: tuple[int, int], label: str) -> dict[str, np.ndarray]:
    """By output name: float32 `(4,)` for every resize whose factor does not stand in the graph as such."""
    constant = {tensor.name for tensor in model.graph.initializer}
    constant |= {node.output[0] for node in model.graph.node if node.op_type == "Constant"}
    traced = [
        node
        for node in model.graph.node
        if node.op_type in _RESIZES and not (len(node.input) == 3 and node.input[2] in constant)
    ]
    if not traced:
        return {}
    wanted = [name for node in traced for name in (node.input[0], node.output[0])]
    width, height = size
    shapes = PlainNet(model, label, extra_outputs=wanted).shapes(np.zeros((1, 3, height, width), np.float32))
    factors = {}
    for node in traced:
        before, after = shapes[node.input[0]], shapes[node.output[0]]
        factors[node.output[0]] = np.array([b / a for a, b in zip(before, after, strict=True)], np.float32)
    return factors


def receptive_margin(model: onnx.ModelProto) -> int:
    """How far in input pixels an output pixel looks through convolutions, pools and resizes: the longest way."""
    from onnx import numpy_helper

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    constants |= {n.output[0]: a.t for n in model.graph.node for a in n.attribute if n.op_type == "Constant"}
    reach: dict[str, tuple[float, float]] = {}  # by tensor: input pixels a pixel of it stands for, and its margin
    for node in model.graph.node:
        before = [reach[name] for name in node.input if name in reach]
        unit = max((u for u, _ in before), default=1.0)
        margin = max((m for _, m in before), default=0.0)
        ints = {a.name: list(a.ints) for a in node.attribute if a.ints}
        if node.op_type in ("Conv", "ConvTranspose", "AveragePool", "MaxPool"):
            kernel = ints.get("kernel_shape") or list(constants[node.input[1]].dims[2:])
            stride = max(ints.get("strides", [1]))
            dilation = max(ints.get("dilations", [1]))
            if node.op_type == "ConvTranspose":
                unit /= stride
            margin += unit * math.ceil(dilation * (max(kernel) - 1) / 2)
            if node.op_type != "ConvTranspose":
                unit *= stride
        elif node.op_type in _RESIZES and len(node.input) > 2 and node.input[2] in constants:
            margin += unit / 2
            unit /= float(numpy_helper.to_array(constants[node.input[2]])[-1])
        for name in node.output:
            reach[name] = (unit, margin)
    return min(4096, math.ceil(max((margin for _, margin in reach.values()), default=0.0)))
