"""From a float32 net to a strongly typed half-precision one: what a GPU engine computes stands in the graph itself.

TensorRT 11 and TensorRT for RTX take the types of the graph as they are, so the choice is made here, once:

- convolutions and what lies between them: float16;
- islands of float32: every statistic (fp16 squares overflow once |x - mean| > 256, and sums over a large picture
  sooner), and the conversions from and to uint8 at both ends, where rounding would be seen;
- sizes and other bookkeeping stay as they are, and so do both ends: uint8 pictures, a float32 style.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engines.errors import NetFileError
from engines.fp16_islands import BOUNDED, STATISTICS, find_islands
from engines.net_file import NetFile, net_from_model

if TYPE_CHECKING:
    import onnx

__all__ = ["CONVERTER", "check_typing", "half_from_net", "typed_from_net"]

CONVERTER = 1
"""Raised when this module writes other graphs: engines of an older converter are then built anew."""

_LARGEST = float(np.finfo(np.float16).max)
_KEEP_FLOAT = {"Resize": (1, 2)}
"""Inputs (by position) that the ONNX standard wants in float32 whatever the picture's type."""
_UINT8_MOVERS = ("Transpose", "Identity")


def half_from_net(net: NetFile) -> NetFile:
    """The float16 twin of a float32 net: same ends, same picture to about 55 dB. Raises NetFileError."""
    model = _loaded(net)
    _move_casts_to_the_ends(model)
    types = _types_of(model, net)
    _Converter(model, types, net).convert()
    half = net_from_model(model, net.spec)
    check_typing(half)
    return half


def typed_from_net(net: NetFile) -> NetFile:
    """The float32 net with uint8 touched by casts alone, as TensorRT wants it. Raises NetFileError."""
    model = _loaded(net)
    _move_casts_to_the_ends(model)
    return net_from_model(model, net.spec)


def check_typing(net: NetFile) -> None:
    """Prove by structure that no statistic sees float16 and only Cast touches uint8. Raises NetFileError."""
    import onnx

    model = onnx.load_model_from_string(net.model)
    types = _types_of(model, net)
    for node in model.graph.node:
        into = [types[name] for name in node.input if name in types]
        both = into + [types[name] for name in node.output if name in types]
        if node.op_type in STATISTICS and onnx.TensorProto.FLOAT16 in into:
            raise NetFileError(f"net {net.spec.name}: {node.op_type} {node.name} would compute statistics in float16")
        if node.op_type != "Cast" and onnx.TensorProto.UINT8 in both:
            raise NetFileError(f"net {net.spec.name}: {node.op_type} {node.name} works on uint8, only Cast may")


def _loaded(net: NetFile) -> onnx.ModelProto:
    """The net's graph with Constant nodes turned into initializers."""
    import onnx

    model = onnx.load_model_from_string(net.model)
    for node in [n for n in model.graph.node if n.op_type == "Constant"]:
        value = onnx.numpy_helper.from_array(_constant(node, net), node.output[0])
        model.graph.initializer.append(value)
        model.graph.node.remove(node)
    return model


def _constant(node: onnx.NodeProto, net: NetFile) -> np.ndarray:
    import onnx

    attribute = node.attribute[0]
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return onnx.numpy_helper.to_array(value)
    if attribute.name in ("value_float", "value_floats"):
        return np.asarray(value, np.float32)
    if attribute.name in ("value_int", "value_ints"):
        return np.asarray(value, np.int64)
    raise NetFileError(f"net {net.spec.name}: a constant given as {attribute.name} cannot be converted")


def _move_casts_to_the_ends(model: onnx.ModelProto) -> None:
    """Swap `frame -> Transpose -> Cast` and `Cast -> Transpose -> image`: the cast comes first, and last."""
    import onnx

    nodes = model.graph.node
    maker = {name: node for node in nodes for name in node.output}
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in nodes:
        for name in node.input:
            users.setdefault(name, []).append(node)

    def swap(first: onnx.NodeProto, second: onnx.NodeProto) -> None:
        middle = onnx.NodeProto()
        middle.CopyFrom(first)
        source, between, end = first.input[0], first.output[0], second.output[0]
        first.CopyFrom(second)
        second.CopyFrom(middle)
        first.input[0], first.output[0], second.input[0], second.output[0] = source, between, between, end

    first = users.get("frame", [])
    if len(first) == 1 and first[0].op_type in _UINT8_MOVERS:
        after = users.get(first[0].output[0], [])
        if len(after) == 1 and after[0].op_type == "Cast":
            swap(first[0], after[0])
    last = maker.get("image")
    if last is not None and last.op_type in _UINT8_MOVERS:
        before = maker.get(last.input[0])
        if before is not None and before.op_type == "Cast" and len(users[before.output[0]]) == 1:
            swap(before, last)


def _types_of(model: onnx.ModelProto, net: NetFile) -> dict[str, int]:
    """Element type of every tensor by name. Raises NetFileError where ONNX cannot tell."""
    import onnx

    try:
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except onnx.shape_inference.InferenceError as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "unknown")
        raise NetFileError(f"net {net.spec.name}: the types in the graph do not fit together: {reason}") from error
    values = (*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    types |= {tensor.name: tensor.data_type for tensor in inferred.graph.initializer}
    return types


class _Converter:
    """Rewrites a graph in place, node by node in its own (topological) order."""

    def __init__(self, model: onnx.ModelProto, types: dict[str, int], net: NetFile) -> None:
        import onnx

        self._float, self._half = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
        self._model, self._before, self._net = model, types, net
        self._now = dict(types)
        self._weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self._data, self._full = find_islands(model)
        self._nodes: list[onnx.NodeProto] = []
        self._twins: dict[tuple[str, int], str] = {}

    def convert(self) -> None:
        for index, node in enumerate(self._model.graph.node):
            if index in self._data:
                self._convert_node(node, self._float if index in self._full else self._half)
            self._nodes.append(node)
        del self._model.graph.node[:]
        self._model.graph.node.extend(self._nodes)
        used = {name for node in self._nodes for name in node.input}
        for tensor in [t for t in self._model.graph.initializer if t.name not in used]:
            self._model.graph.initializer.remove(tensor)

    def _convert_node(self, node: onnx.NodeProto, wanted: int) -> None:
        kept = _KEEP_FLOAT.get(node.op_type, ())
        for position, name in enumerate(node.input):
            if self._before.get(name) == self._float:
                node.input[position] = self._as(name, self._float if position in kept else wanted, node)
        for name in node.output:
            if self._before.get(name) == self._float:
                self._now[name] = wanted
        if node.op_type == "Cast" and wanted == self._half:
            for attribute in node.attribute:
                if attribute.name == "to" and attribute.i == self._float:
                    attribute.i = self._half

    def _as(self, name: str, wanted: int, user: onnx.NodeProto) -> str:
        """The name under which tensor `name` can be had in the wanted type."""
        import onnx

        if self._now[name] == wanted:
            return name
        key = (name, wanted)
        if key not in self._twins:
            twin = f"{name}_{'half' if wanted == self._half else 'float'}"
            if name in self._weights:
                self._model.graph.initializer.append(self._halved(name, twin, user))
            else:
                self._nodes.append(onnx.helper.make_node("Cast", [name], [twin], name=f"cast_{twin}", to=wanted))
            self._twins[key] = twin
        return self._twins[key]

    def _halved(self, name: str, twin: str, user: onnx.NodeProto) -> onnx.TensorProto:
        import onnx

        values = onnx.numpy_helper.to_array(self._weights[name])
        if user.op_type in BOUNDED:  # a bound such as float32's largest number means "no bound"
            values = np.clip(values, -_LARGEST, _LARGEST)
        if np.abs(values).max(initial=0) > _LARGEST:
            raise NetFileError(
                f"net {self._net.spec.name}: weights {name} reach {np.abs(values).max():.3g}, float16 ends at "
                f"{_LARGEST:.0f}: use --precision f32"
            )
        return onnx.numpy_helper.from_array(values.astype(np.float16), twin)
