"""A net rewritten so that a large picture can be painted tile by tile without seams.

Instance normalisation looks at the whole picture: its mean and deviation are taken over all pixels. Here they become
an input, so that all tiles are painted with the same ones, and other graphs measure them, one layer after the other.
The statistics of a layer depend only on those of the layers before it, so after one measuring pass for each layer
they are those of the whole picture, and the tiles are the whole picture's pixels.

Guessing them from a thumbnail (Chen et al. 2022) and correcting all layers at once was measured too: an error in an
early layer grows through the later ones. The thumbnail alone is 22 to 25 dB away from the picture painted whole;
corrected with five passes over the tiles it comes to 50 dB, without correction by a smaller problem it diverges.
Layer after layer costs six passes, since a graph ends where it measures, and is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engines.contract import StyleVector
from engines.errors import BadInputError
from engines.net_file import NetFile, net_from_model
from engines.onnx_graph import opset_of

if TYPE_CHECKING:
    import onnx

__all__ = ["NotTileableError", "Statistics", "TiledNet", "tiled_net"]

_NORM = "InstanceNormalization"
_LOCAL = frozenset(
    {
        "Abs", "Add", "And", "AveragePool", "BatchNormalization", "Cast", "Ceil", "Clip", "Concat", "Constant",
        "ConstantOfShape", "Conv", "ConvTranspose", "DepthToSpace", "Div", "Elu", "Equal", "Erf", "Exp", "Expand",
        "Floor", "Gather", "Gelu", "Greater", "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization",
        "LeakyRelu", "Less", "Log", "Max", "MaxPool", "Min", "Mish", "Mul", "Neg", "Not", "Or", "PRelu", "Pad", "Pow",
        "Range", "Reciprocal", "Relu", "Reshape", "Resize", "Round", "Selu", "Shape", "Sigmoid", "Slice", "Softplus",
        "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Tile", "Transpose", "Unsqueeze", "Upsample",
        "Where",
    }
)  # fmt: skip
"""Operators through which a pixel sees its surroundings only: any other one may look at the whole picture."""
_OLDEST_OPSET = 11


class NotTileableError(BadInputError):
    """A net looks at the whole picture in a way that cannot be taken apart."""


class Statistics:
    """Mean and inverse deviation of each normalised channel of one picture, all layers in a row."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        self._edges = np.cumsum([0, *channels])
        self._mean = np.zeros(self._edges[-1])
        self._inverse = np.ones(self._edges[-1])

    def set_layer(self, layer: int, moments: NDArray[np.float64], epsilon: float) -> None:
        """Take what was measured of a layer whose statistics are still those of the beginning.

        moments: float64 `(2, channels)`, averages of x and of x * x over the whole picture.
        """
        part = slice(self._edges[layer], self._edges[layer + 1])
        mean, square = moments
        self._mean[part] = mean
        self._inverse[part] = 1 / np.sqrt(np.maximum(square - mean * mean, 0) + epsilon)

    def packed(self, style: StyleVector | None) -> StyleVector:
        """The style vector of the rewritten net: float32 `(style_length + 2 * channels,)`."""
        parts = [self._mean, self._inverse] if style is None else [style, self._mean, self._inverse]
        return np.concatenate(parts).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class TiledNet:
    """What `tiled_net` makes of a net."""

    painting: NetFile
    """A net like any other, with a name of its own; its style vector is `Statistics.packed`."""
    channels: tuple[int, ...]
    """Channels of each normalised layer, in the order in which they are measured."""
    epsilons: tuple[float, ...] = field(repr=False)
    measuring: tuple[bytes, ...] = field(repr=False)
    """For each layer an ONNX model: `frame` and (not for the first layer) `style` as in `painting`, `window` float32
    (4,): top, bottom, left and right in 0..1; output `moments` float32 `(1, 2 * channels, 1, 1)`, averages of x
    and of x * x over the window."""


def tiled_net(net: NetFile) -> TiledNet:
    """Rewrite a net. Raises NotTileableError, with the reason, for one that cannot be painted in tiles."""
    import onnx

    model = onnx.load_model_from_string(net.model)
    _check(model, net)
    norms = [node for node in model.graph.node if node.op_type == _NORM]
    if not norms:
        return TiledNet(painting=net, channels=(), epsilons=(), measuring=())
    affines = _affines(model, norms, net)
    measured = [node.input[0] for node in norms]
    epsilons = tuple(_epsilon(node) for node in norms)
    channels = tuple(scale.size for scale, _ in affines)
    length = net.spec.style_length + 2 * sum(channels)
    _rewrite(model, net.spec.style_length, affines)
    inputs = [value for value in model.graph.input if value.name != "style"]
    vector = onnx.helper.make_tensor_value_info("style", onnx.TensorProto.FLOAT, [1, length])
    del model.graph.input[:]
    model.graph.input.extend([*inputs, vector])
    measuring = tuple(_measuring_model(model, name) for name in measured)
    # no scales for 8 bits: statistics are measured in float, and must be those of the numbers that paint
    spec = replace(net.spec, name=f"{net.spec.name}-tiles", style_length=length, int8_scales={})
    return TiledNet(
        painting=net_from_model(model, spec),
        channels=channels,
        epsilons=epsilons,
        measuring=measuring,
    )


def _check(model: onnx.ModelProto, net: NetFile) -> None:
    label = f"net {net.spec.name} cannot be painted in tiles"
    others = sorted({node.op_type for node in model.graph.node} - _LOCAL)
    if others:
        raise NotTileableError(f"{label}: {', '.join(others)} may look at the whole picture")
    opset = opset_of(model)
    if opset < _OLDEST_OPSET:
        raise NotTileableError(f"{label}: its ONNX opset is {opset}, expected {_OLDEST_OPSET} or newer")


def _affines(
    model: onnx.ModelProto, norms: list[onnx.NodeProto], net: NetFile
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Scale and shift of each normalisation, which a net file may hold as weights or as constants."""
    from onnx import numpy_helper

    known = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            known[node.output[0]] = node.attribute[0].t
    found = []
    for node in norms:
        if not all(name in known for name in node.input[1:]):
            raise NotTileableError(
                f"net {net.spec.name} cannot be painted in tiles: the scale of a normalisation is computed, not given"
            )
        scale, shift = (numpy_helper.to_array(known[name]).astype(np.float32) for name in node.input[1:])
        found.append((scale, shift))
    return found


def _rewrite(
    model: onnx.ModelProto, style_length: int, affines: list[tuple[NDArray[np.float32], NDArray[np.float32]]]
) -> None:
    """Put statistics that stand behind the style in the style vector in the place of each normalisation."""
    parts = _GraphParts("tiled_")
    if style_length:
        parts.slice("style", 0, style_length, axis=1, output="own_style")
    start, total = style_length, sum(scale.size for scale, _ in affines)
    waiting = iter(affines)
    for node in model.graph.node:
        if node.op_type == _NORM:
            scale, shift = next(waiting)
            mean = parts.per_channel("style", start, scale.size)
            inverse = parts.per_channel("style", start + total, scale.size)
            parts.normalised(node.input[0], mean, inverse, _affine_names(parts, scale, shift), node.output[0])
            start += scale.size
        else:
            names = ["own_style" if name == "style" else name for name in node.input]
            del node.input[:]
            node.input.extend(names)
            parts.nodes.append(node)
    nodes = [*parts.nodes]  # the graph's own list is about to be emptied
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(parts.constants)


def _affine_names(parts: _GraphParts, scale: NDArray[np.float32], shift: NDArray[np.float32]) -> tuple[str, str] | None:
    """Constants (1, channels, 1, 1); None where they would change nothing."""
    if (scale == 1).all() and (shift == 0).all():
        return None
    return parts.constant(scale.reshape(1, -1, 1, 1)), parts.constant(shift.reshape(1, -1, 1, 1))


def _measuring_model(model: onnx.ModelProto, x: str) -> bytes:
    """The rewritten graph up to `x`, with its moments for an output."""
    import onnx

    parts = _GraphParts("measured_")
    parts.moments(x, "window", "moments")
    wanted = {name for node in parts.nodes for name in node.input}
    kept: list[onnx.NodeProto] = []
    for node in reversed(model.graph.node):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    graph = onnx.helper.make_graph(
        [*reversed(kept), *parts.nodes],
        "measuring",
        [value for value in model.graph.input if value.name in wanted]
        + [onnx.helper.make_tensor_value_info("window", onnx.TensorProto.FLOAT, [4])],
        [onnx.helper.make_tensor_value_info("moments", onnx.TensorProto.FLOAT, None)],
        initializer=[tensor for tensor in model.graph.initializer if tensor.name in wanted] + parts.constants,
    )
    measuring = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    content: bytes = measuring.SerializeToString()
    return content


def _epsilon(node: onnx.NodeProto) -> float:
    return next((attribute.f for attribute in node.attribute if attribute.name == "epsilon"), 1e-5)


class _GraphParts:
    """Nodes and constants that take the place of instance normalisation, put together under names of their own.

    Only operators that exist unchanged since opset 11 are used, and the model keeps the opset that it has.
    """

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
