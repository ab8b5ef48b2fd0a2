"""ONNX graphs: parsing them, what a net file's graph must and must not hold, and what can be read off a graph."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from engines.errors import NetFileError

if TYPE_CHECKING:
    import onnx

__all__ = [
    "OPSET",
    "check_ends",
    "check_standard",
    "check_weights",
    "fixed_size",
    "graph_ends",
    "makers",
    "model_from_bytes",
    "opset_of",
    "receptive_margin",
    "remove_traces",
    "remove_unused_weights",
    "users",
    "with_new_opset",
]

OPSET = 18
"""What older graphs are converted to; newer ones stay as they are."""
_OLDEST_KEPT = 13
_STANDARD_DOMAINS = ("", "ai.onnx")

_End = tuple[int, tuple["int | None", ...]]
"""Element type and shape of an input or output; None is any size."""


def model_from_bytes(content: bytes, label: str) -> onnx.ModelProto:
    """Parse an ONNX file. Raises NetFileError where it is none, or has no graph."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError) as error:
        raise NetFileError(f"{label}: expected an ONNX file, but it cannot be parsed as one") from error
    if not model.graph.node:
        raise NetFileError(f"{label}: expected an ONNX file, found no graph in it")
    return model


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the ONNX standard that a graph is written in; 0 where it does not say."""
    return max((opset.version for opset in model.opset_import if opset.domain in _STANDARD_DOMAINS), default=0)


def makers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """The node that makes a tensor, by the tensor's name."""
    return {name: node for node in model.graph.node for name in node.output}


def users(model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    """The nodes that read a tensor, by the tensor's name; a node that reads it twice is there twice."""
    found: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            found.setdefault(name, []).append(node)
    return found


def remove_unused_weights(model: onnx.ModelProto) -> None:
    """Take out the weights that no node reads any more."""
    used = {name for node in model.graph.node for name in node.input}
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name not in used]:
        model.graph.initializer.remove(tensor)


def check_standard(model: onnx.ModelProto, label: str) -> None:
    """Refuse operators and data that are not in the file and the ONNX standard: no plug-in is ever loaded."""
    import onnx

    for opset in model.opset_import:
        if opset.domain not in _STANDARD_DOMAINS:
            raise NetFileError(f"{label}: only standard ONNX operators are allowed, found {opset.domain!r}")
        if not 1 <= opset.version <= onnx.defs.onnx_opset_version():
            raise NetFileError(
                f"{label}: ONNX opset 1 to {onnx.defs.onnx_opset_version()} is expected, found {opset.version}"
            )
    if model.functions or model.training_info or model.graph.sparse_initializer:
        raise NetFileError(f"{label}: functions, training graphs and sparse weights are not allowed in a net file")
    for node in model.graph.node:
        if node.domain not in _STANDARD_DOMAINS:
            raise NetFileError(f"{label}: only standard ONNX operators are allowed, found {node.domain}.{node.op_type}")
        for attribute in node.attribute:
            if attribute.HasField("g") or attribute.graphs:
                raise NetFileError(f"{label}: {node.op_type} with a graph inside is not allowed in a net file")
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise NetFileError(f"{label}: {node.op_type} with sparse weights is not allowed in a net file")
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise NetFileError(f"{label}: the weights must be inside the file, {tensor.name!r} is outside")


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def check_ends(model: onnx.ModelProto, style_length: int, label: str) -> None:
    """Refuse inputs and outputs that are not those of a net file."""
    import onnx

    picture: _End = (onnx.TensorProto.UINT8, (1, None, None, 3))
    inputs = {"frame": picture}
    if style_length:
        inputs["style"] = (onnx.TensorProto.FLOAT, (1, style_length))
    for what, values, expected in (
        ("inputs", model.graph.input, inputs),
        ("outputs", model.graph.output, {"image": picture}),
    ):
        found = {value.name: _type_of(value) for value in values}
        if found != expected:
            raise NetFileError(f"{label}: expected {what} {_ends_text(expected)}, found {_ends_text(found)}")


def _type_of(value: onnx.ValueInfoProto) -> _End:
    tensor = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
    return tensor.elem_type, shape


def _ends_text(ends: Mapping[str, _End]) -> str:
    import onnx

    types = {number: name.lower() for name, number in onnx.TensorProto.DataType.items()}
    return ", ".join(
        f"{name} {types.get(kind, 'unknown')} ({', '.join(str(n or 'any') for n in shape)})"
        for name, (kind, shape) in sorted(ends.items(), key=lambda end: str(end[0]))  # a name that is no text is bytes
    )


def check_weights(model: onnx.ModelProto, label: str) -> None:
    """Refuse damaged weights, NaN and infinity."""
    import numpy as np
    from onnx import numpy_helper

    for tensor in _tensors(model):
        try:
            values = numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError) as error:  # KeyError: an unknown type of numbers
            raise NetFileError(f"{label}: weights {tensor.name!r} are damaged: {error}") from error
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise NetFileError(f"{label}: weights {tensor.name!r} hold NaN or infinity")


def remove_traces(model: onnx.ModelProto) -> None:
    """Take out what exporters leave behind about the machine: source lines, local paths."""
    model.doc_string = ""
    model.graph.doc_string = ""
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]


def graph_ends(model: onnx.ModelProto, label: str) -> tuple[str, str]:
    """The names of the picture that goes in and of the one that comes out, in a graph that takes and gives floats.

    Each is float `(1, 3, h, w)`. Raises NetFileError for any other graph.
    """
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

    version = opset_of(model) or 1
    if version >= _OLDEST_KEPT:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise NetFileError(f"{label}: cannot be converted from ONNX opset {version} to {OPSET}: {reason}") from error


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
        elif node.op_type in ("Resize", "Upsample") and len(node.input) > 2 and node.input[2] in constants:
            margin += unit / 2
            unit /= float(numpy_helper.to_array(constants[node.input[2]])[-1])
        for name in node.output:
            reach[name] = (unit, margin)
    return min(4096, math.ceil(max((margin for _, margin in reach.values()), default=0.0)))
