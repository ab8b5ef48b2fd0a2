"""The pieces of ONNX graph that tiled painting puts in the place of instance normalisation.

Only operators that exist unchanged since opset 11 are used, and the model keeps the opset that it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

__all__ = ["GraphParts"]


class GraphParts:
    """Nodes and constants that are being put together under names of their own."""

    def __init__(self, prefix: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._prefix = prefix
        self._count = 0

    def constant(self, values: NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        name = self._name()
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Append a node with one output; returns the output's name."""
        from onnx import helper

        output = output or self._name()
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def slice(self, name: str, start: int, length: int, *, axis: int, output: str | None = None) -> str:
        return self.node(
            "Slice", name, self.integers(start), self.integers(start + length), self.integers(axis), output=output
        )

    def per_channel(self, vector: str, start: int, channels: int) -> str:
        """A part of `vector` (1, n), as (1, channels, 1, 1)."""
        part = self.slice(vector, start, channels, axis=1)
        return self.node("Reshape", part, self.integers(1, channels, 1, 1))

    def normalised(self, x: str, mean: str, inverse: str, affine: tuple[str, str] | None, output: str) -> None:
        """`(x - mean) * inverse`, then times and plus `affine`, each (1, channels, 1, 1), into `output`."""
        centred = self.node("Sub", x, mean)
        if affine is None:
            self.node("Mul", centred, inverse, output=output)
            return
        scale, shift = affine
        scaled = self.node("Mul", self.node("Mul", centred, inverse), scale)
        self.node("Add", scaled, shift, output=output)

    def moments(self, x: str, window: str, output: str) -> None:
        """Averages over all pixels of x and of x * x, both taken as 0 outside the window.

        x: (1, channels, h, w). window: float32 (4,), top, bottom, left and right of the window in 0..1.
        output: (1, 2 * channels, 1, 1).
        """
        inside = self.node("Mul", self._stripe(x, window, 2), self._stripe(x, window, 3))
        seen = self.node("Mul", x, inside)
        first = self.node("GlobalAveragePool", seen)
        second = self.node("GlobalAveragePool", self.node("Mul", seen, seen))
        self.node("Concat", first, second, output=output, axis=1)

    def _stripe(self, x: str, window: str, axis: int) -> str:
        """1 where the middle of a row (axis 2) or column (axis 3) of x lies in the window, 0 elsewhere."""
        from onnx import TensorProto

        length = self.node("Gather", self.node("Shape", x), self.constant(np.array(axis, np.int64)), axis=0)
        zero, one = (self.constant(np.array(number, np.int64)) for number in (0, 1))
        index = self.node("Cast", self.node("Range", zero, length, one), to=TensorProto.FLOAT)
        middle = self.node("Add", index, self.constant(np.array(0.5, np.float32)))
        place = self.node("Div", middle, self.node("Cast", length, to=TensorProto.FLOAT))
        start = 2 * (axis - 2)
        after = self.node("Greater", place, self.slice(window, start, 1, axis=0))
        before = self.node("Less", place, self.slice(window, start + 1, 1, axis=0))
        inside = self.node("Cast", self.node("And", after, before), to=TensorProto.FLOAT)
        shape = (1, 1, -1, 1) if axis == 2 else (1, 1, 1, -1)
        return self.node("Reshape", inside, self.integers(*shape))

    def _name(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count}"
