"""What the graph of a net file must hold, and what it must not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from engines.errors import NetFileError

if TYPE_CHECKING:
    import onnx

__all__ = ["check_ends", "check_standard", "check_weights", "remove_traces"]

_STANDARD_DOMAINS = ("", "ai.onnx")

_End = tuple[int, tuple["int | None", ...]]
"""Element type and shape of an input or output; None is any size."""


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
            raise NetFileError(f"{label}: expected {what} {_spoken(expected)}, found {_spoken(found)}")


def _type_of(value: onnx.ValueInfoProto) -> _End:
    tensor = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
    return tensor.elem_type, shape


def _spoken(ends: Mapping[str, _End]) -> str:
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
