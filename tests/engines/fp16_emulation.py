"""A half-precision graph with its rounding made visible on a CPU.

CPU runtimes compute half operators in float32 and so hide an overflow. Here every float16 tensor is a float32 tensor
that is cast to float16 and back after its operator, with all optimisation off: what exceeds 65504 becomes infinite.
Sums inside one operator stay in float32, as on tensor cores.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.contract import Picture, StyleVector
from engines.net_file import NetFile

__all__ = ["emulate", "norms_taken_apart"]


def emulate(graph: NetFile, frame: Picture, style: StyleVector | None) -> tuple[Picture, float]:
    """Run one frame, uint8 `(h, w, 3)`, through a typed graph with true float16 rounding.

    Returns the picture and the largest absolute value of any float16 tensor: infinite where one overflowed.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        _rounded(graph).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {"frame": frame[None]}
    if style is not None:
        feed["style"] = style[None]
    image, *peaks = session.run(None, feed)
    largest = max(float(peak) if np.isfinite(peak) else float("inf") for peak in peaks)
    return image[0], largest


def _rounded(graph: NetFile) -> onnx.ModelProto:
    model = onnx.load_model_from_string(graph.model)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    halves = {v.name for v in inferred.graph.value_info if v.type.tensor_type.elem_type == TensorProto.FLOAT16}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        names = [name for name in node.output if name in halves]
        if node.op_type == "Cast":
            for attribute in node.attribute:
                if attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                    attribute.i = TensorProto.FLOAT
        for index, name in enumerate(node.output):
            if name in names:
                node.output[index] = f"{name}__exact"
        nodes.append(node)
        for name in names:
            nodes.append(helper.make_node("Cast", [f"{name}__exact"], [f"{name}__half"], to=TensorProto.FLOAT16))
            nodes.append(helper.make_node("Cast", [f"{name}__half"], [name], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Abs", [name], [f"{name}__abs"]))
            nodes.append(helper.make_node("ReduceMax", [f"{name}__abs"], [f"{name}__peak"], keepdims=0))
            model.graph.output.append(helper.make_tensor_value_info(f"{name}__peak", TensorProto.FLOAT, []))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    return model


def norms_taken_apart(net: NetFile) -> onnx.ModelProto:
    """The net with every InstanceNormalization (of scale 1, shift 0) written out as means, squares and a root."""
    model = onnx.load_model_from_string(net.model)
    axes = numpy_helper.from_array(np.array([2, 3], np.int64), "norm_axes")
    model.graph.initializer.append(axes)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type != "InstanceNormalization":
            nodes.append(node)
            continue
        x, out, p = node.input[0], node.output[0], node.output[0] + "__"
        epsilon = next(a.f for a in node.attribute if a.name == "epsilon")
        model.graph.initializer.append(numpy_helper.from_array(np.array(epsilon, np.float32), p + "epsilon"))
        nodes += [
            helper.make_node("ReduceMean", [x, "norm_axes"], [p + "mean"], keepdims=1),
            helper.make_node("Sub", [x, p + "mean"], [p + "centred"]),
            helper.make_node("Mul", [p + "centred", p + "centred"], [p + "squares"]),
            helper.make_node("ReduceMean", [p + "squares", "norm_axes"], [p + "variance"], keepdims=1),
            helper.make_node("Add", [p + "variance", p + "epsilon"], [p + "padded"]),
            helper.make_node("Sqrt", [p + "padded"], [p + "deviation"]),
            helper.make_node("Div", [p + "centred", p + "deviation"], [out]),
        ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
