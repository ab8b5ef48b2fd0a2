"""From a float32 net to one whose large convolutions work in 8 bits: quantised and dequantised in ONNX's own operators.

Weights: symmetric, a scale for each output channel. What goes into a convolution: symmetric around 0 (unsigned behind
a ReLU), one scale, from the net's metadata (`engines.calibration` finds it). After Jacob et al. 2018, section 2, and
Nagel et al. 2021, section 2. Everything between the convolutions stays in float.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engines.errors import NetFileError
from engines.net_file import NetFile, net_from_model
from engines.onnx_graph import makers, opset_of, remove_unused_weights, users

if TYPE_CHECKING:
    import onnx

__all__ = ["CONVERTER", "int8_from_net", "last_quantized_input", "quantized_inputs"]

CONVERTER = 1
"""Raised when this module writes other graphs: compiled nets of an older converter are then made anew."""

_OLDEST_OPSET = 13
"""The first with a scale for each channel."""
_FEWEST_CHANNELS = 16
"""A convolution of fewer reads the picture itself: it is quick, and 8 bits there cost an upscaler 6 dB."""
_WEIGHT_LEVELS = 127
_MOVERS = ("Pad", "Resize")
"""They only repeat values: behind the quantisation they move a quarter of the bytes."""


def quantized_inputs(model: onnx.ModelProto) -> dict[str, bool]:
    """Tensors that are quantised on their way to a convolution, and whether they may be negative."""
    if opset_of(model) < _OLDEST_OPSET:
        return {}
    maker = makers(model)
    sources = {source for _, _, source in _large_convolutions(model)}
    return {name: name not in maker or maker[name].op_type != "Relu" for name in sorted(sources)}


def last_quantized_input(model: onnx.ModelProto) -> str:
    """What goes into the last of the convolutions that can be quantised."""
    return _large_convolutions(model)[-1][2]


def int8_from_net(net: NetFile) -> NetFile:
    """The quantised twin of a net: same ends, about the same picture. Raises NetFileError for a net without scales."""
    import onnx

    model = onnx.load_model_from_string(net.model)
    signed = quantized_inputs(model)
    scales = {name: net.spec.int8_scales[name] for name in signed if name in net.spec.int8_scales}
    if not scales:
        raise NetFileError(f"net {net.spec.name}: no scales for 8 bits in its metadata: use another --precision")
    before: dict[str, onnx.NodeProto] = {}
    for convolution, entry, source in _large_convolutions(model):
        if source in scales:
            entry.input[0] = f"{source}_8bit_float"
            before[convolution.output[0]] = _quantize_weight(model, convolution)
    after = {name: _quantize(model, name, scale, signed=signed[name]) for name, scale in scales.items()}
    nodes: list[onnx.NodeProto] = [node for name in after if _is_end(model, name) for node in after[name]]
    for node in model.graph.node:
        nodes += [before[name] for name in node.output if name in before]
        nodes.append(node)
        nodes += [added for name in node.output for added in after.get(name, ())]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    remove_unused_weights(model)
    return net_from_model(model, net.spec)


def _large_convolutions(model: onnx.ModelProto) -> list[tuple[onnx.NodeProto, onnx.NodeProto, str]]:
    """Each with the node where its quantised input enters, itself or a mover before it, and that input's name."""
    maker, readers = makers(model), users(model)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if node.op_type != "Conv" or node.input[1] not in weights:
            continue
        groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
        if groups * weights[node.input[1]].dims[1] < _FEWEST_CHANNELS:
            continue
        entry = node
        while True:
            mover = maker.get(entry.input[0])
            if mover is None or len(readers[entry.input[0]]) > 1 or not _only_moves(mover):
                break
            entry = mover
        found.append((node, entry, entry.input[0]))
    return found


def _only_moves(node: onnx.NodeProto) -> bool:
    if node.op_type not in _MOVERS:
        return False
    mode = next((attribute.s for attribute in node.attribute if attribute.name == "mode"), b"")
    return mode in ((b"reflect", b"edge") if node.op_type == "Pad" else (b"nearest", b""))


def _is_end(model: onnx.ModelProto, name: str) -> bool:
    return any(value.name == name for value in model.graph.input)


def _quantize(model: onnx.ModelProto, name: str, scale: float, *, signed: bool) -> list[onnx.NodeProto]:
    """Nodes from `name` to `name_8bit_float`; their constants go into the model."""
    from onnx import helper

    zero = np.array(0, np.int8 if signed else np.uint8)
    constants = [_constant(model, f"{name}_scale", np.array(scale, np.float32)), _constant(model, f"{name}_zero", zero)]
    return [
        helper.make_node("QuantizeLinear", [name, *constants], [f"{name}_8bit"], name=f"{name}_quantize"),
        helper.make_node(
            "DequantizeLinear", [f"{name}_8bit", *constants], [f"{name}_8bit_float"], name=f"{name}_dequantize"
        ),
    ]


def _quantize_weight(model: onnx.ModelProto, convolution: onnx.NodeProto) -> onnx.NodeProto:
    """Have the convolution read 8-bit weights; returns the node that makes float of them."""
    from onnx import helper, numpy_helper

    name = convolution.input[1]
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    weight = numpy_helper.to_array(tensor).astype(np.float32)
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    scale = np.where(largest > 0, largest / _WEIGHT_LEVELS, 1).astype(np.float32)
    values = np.rint(weight / scale.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.int8)
    base = f"{name}_of_{convolution.output[0]}"
    constants = [
        _constant(model, f"{base}_8bit", values),
        _constant(model, f"{base}_scale", scale),
        _constant(model, f"{base}_zero", np.zeros(len(weight), np.int8)),
    ]
    convolution.input[1] = f"{base}_float"
    return helper.make_node("DequantizeLinear", constants, [f"{base}_float"], name=f"{base}_dequantize", axis=0)


def _constant(model: onnx.ModelProto, name: str, values: NDArray[np.generic]) -> str:
    from onnx import numpy_helper

    model.graph.initializer.append(numpy_helper.from_array(values, name))
    return name
