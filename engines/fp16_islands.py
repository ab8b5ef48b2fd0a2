"""Which nodes of a net must stay in float32 when the rest goes to float16."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

__all__ = ["BOUNDED", "STATISTICS", "find_islands"]

STATISTICS = frozenset(
    [
        "BatchNormalization",
        "Exp",
        "GlobalAveragePool",
        "GroupNormalization",
        "InstanceNormalization",
        "LayerNormalization",
        "LogSoftmax",
        "LpNormalization",
        "MeanVarianceNormalization",
        "Pow",
        "Reciprocal",
        "ReduceL1",
        "ReduceL2",
        "ReduceLogSumExp",
        "ReduceMean",
        "ReduceSum",
        "ReduceSumSquare",
        "RMSNormalization",
        "Softmax",
        "Sqrt",
    ]
)
"""Operators that sum over the picture or raise to a power: float16 overflows in them."""

BOUNDED = frozenset(["Clip"])
"""Operators whose constants are bounds, which may be moved to the end of float16's range."""

_ELEMENTWISE = frozenset(
    [
        "Abs",
        "Add",
        "Cast",
        "Ceil",
        "Clip",
        "Div",
        "Erf",
        "Floor",
        "HardSigmoid",
        "Identity",
        "LeakyRelu",
        "Max",
        "Min",
        "Mul",
        "Neg",
        "PRelu",
        "Relu",
        "Round",
        "Sigmoid",
        "Sub",
        "Tanh",
        "Transpose",
        "Where",
    ]
)


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
