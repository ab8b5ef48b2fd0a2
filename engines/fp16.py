"""From a float32 net to a strongly typed half-precision one: the graph itself says what a GPU engine computes.

TensorRT 11 and TensorRT for RTX take the types of the graph as they are, so the choice is made here, once:

- convolutions and what lies between them: float16;
- islands of float32: every statistic (fp16 squares overflow once |x - mean| > 256, and sums over a large picture
  sooner), and the conversions from and to uint8 at both ends, where rounding would be seen;
- sizes and other bookkeeping stay as they are, and so do both ends: uint8 pictures, a float32 style.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import NetFileError
from engines.net_file import NetFile, net_from_model
from engines.onnx_graph import makers, remove_unused_weights, users

if TYPE_CHECKING:
    import onnx

__all__ = ["CONVERTER", "STATISTICS", "check_typing", "find_islands", "half_from_net", "typed_from_net", "typed_graph"]

CONVERTER = 1
"""Raised when this module writes other graphs: engines of an older converter are then built anew."""

STATISTICS = frozenset(
    {
        "BatchNormalization", "Exp", "GlobalAveragePool", "GroupNormalization", "InstanceNormalization",
        "LayerNormalization", "LogSoftmax", "LpNormalization", "MeanVarianceNormalization", "Pow", "RMSNormalization",
        "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMean", "ReduceSum", "ReduceSumSquare",
        "Softmax", "Sqrt",
    }
)  # fmt: skip
"""Operators that sum over the picture or raise to a power: float16 overflows in them."""
_BOUNDED = frozenset(["Clip"])
"""Operators whose constants are bounds, which may be moved to the end of float16's range."""
_ELEMENTWISE = frozenset(
    {
        "Abs", "Add", "Cast", "Ceil", "Clip", "Div", "Erf", "Floor", "HardSigmoid", "Identity", "LeakyRelu", "Max",
        "Min", "Mul", "Neg", "PRelu", "Relu", "Round", "Sigmoid", "Sub", "Tanh", "Transpose", "Where",
    }
)  # fmt: skip

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


def typed_graph(net: NetFile, precision: str) -> NetFile:
    """The strongly typed graph for f16 or f32 that is compiled: types stand in it, no flag changes them.

    Raises NetFileError.
    """
    return half_from_net(net) if precision == "f16" else typed_from_net(net)


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

    maker, readers = makers(model), users(model)

    def swap(first: onnx.NodeProto, second: onnx.NodeProto) -> None:
        middle = onnx.NodeProto()
        middle.CopyFrom(first)
        source, between, end = first.input[0], first.output[0], second.output[0]
        first.CopyFrom(second)
        second.CopyFrom(middle)
        first.input[0], first.output[0], second.input[0], second.output[0] = source, between, between, end

    first = readers.get("frame", [])
    if len(first) == 1 and first[0].op_type in _UINT8_MOVERS:
        after = readers.get(first[0].output[0], [])
        if len(after) == 1 and after[0].op_type == "Cast":
            swap(first[0], after[0])
    last = maker.get("image")
    if last is not None and last.op_type in _UINT8_MOVERS:
        before = maker.get(last.input[0])
        if before is not None and before.op_type == "Cast" and len(readers[before.output[0]]) == 1:
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
        remove_unused_weights(self._model)

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
        if user.op_type in _BOUNDED:  # a bound such as float32's largest number means "no bound"
            values = np.clip(values, -_LARGEST, _LARGEST)
        if np.abs(values).max(initial=0) > _LARGEST:
            raise NetFileError(
                f"net {self._net.spec.name}: weights {name} reach {np.abs(values).max():.3g}, float16 ends at "
                f"{_LARGEST:.0f}: use --precision f32"
            )
        return onnx.numpy_helper.from_array(values.astype(np.float16), twin)


def find_islands(model: onnx.ModelProto) -> tuple[set[int], set[int]]:
    """Positions of the nodes that pictures and styles run through, and of those among them that stay in float32.

    In float32 stay: statistics, squares, whatever lies between two of these without a convolution (a norm that was
    taken apart on export), and the runs of simple operators behind `frame` and before `image`.
    """
    graph = _Graph(model)
    data = graph.data()
    core = {i for i in data if graph.nodes[i].op_type in STATISTICS or _is_square(graph.nodes[i])}
    return data, core | graph.between(core, data) | graph.head(data) | graph.tail(data)


def _is_square(node: onnx.NodeProto) -> bool:
    return node.op_type == "Mul" and node.input[0] == node.input[1]


class _Graph:
    """Walks over the nodes of a graph, which are named by their positions."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes = list(model.graph.node)
        self.maker = {name: index for index, node in enumerate(self.nodes) for name in node.output if name}
        self.users: dict[str, list[int]] = defaultdict(list)
        for index, node in enumerate(self.nodes):
            for name in node.input:
                self.users[name].append(index)

    def after(self, index: int) -> list[int]:
        return [user for name in self.nodes[index].output for user in self.users[name]]

    def before(self, index: int) -> list[int]:
        return [self.maker[name] for name in self.nodes[index].input if name in self.maker]

    def data(self) -> set[int]:
        """Nodes that depend on the values, not only on the size, of the inputs."""
        found: set[int] = set()
        waiting = [*self.users["frame"], *self.users["style"]]
        while waiting:
            index = waiting.pop()
            if index not in found and self.nodes[index].op_type not in ("Shape", "Size"):
                found.add(index)
                waiting.extend(self.after(index))
        return found

    def between(self, core: set[int], data: set[int]) -> set[int]:
        """Elementwise nodes on a way from one node of `core` to another that meets elementwise nodes only."""

        def reached(forward: bool) -> set[int]:
            step = self.after if forward else self.before
            found: set[int] = set()
            waiting = [n for index in core for n in step(index)]
            while waiting:
                index = waiting.pop()
                if index in data and index not in found and self.nodes[index].op_type in _ELEMENTWISE:
                    found.add(index)
                    waiting.extend(step(index))
            return found

        return reached(True) & reached(False)

    def head(self, data: set[int]) -> set[int]:
        """The conversion of `frame`: elementwise nodes whose only data input is the picture."""
        found: set[int] = set()
        waiting = list(self.users["frame"])
        while waiting:
            index = waiting.pop()
            if self._is_simple(index, data):
                found.add(index)
                waiting.extend(self.after(index))
        return found

    def tail(self, data: set[int]) -> set[int]:
        """The conversion to `image`: the chain of elementwise nodes that ends there, and a residual sum before it."""
        found: set[int] = set()
        index = self.maker["image"]
        while self._is_simple(index, data):
            found.add(index)
            if len(self.after(index)) > 1:
                break
            sources = [i for i in self.before(index) if i in data]
            if not sources:  # a net that only moves pixels
                break
            index = sources[0]
        if self.nodes[index].op_type == "Add" and len(self.after(index)) == 1:
            found.add(index)
        return found

    def _is_simple(self, index: int, data: set[int]) -> bool:
        sources = [i for i in self.before(index) if i in data]
        return self.nodes[index].op_type in _ELEMENTWISE and len(sources) <= 1
