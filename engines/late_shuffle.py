"""A pixel shuffle moved behind the conversion to uint8: it then carries a quarter of the bytes.

For runtimes that take graphs as they stand. What lies between works on each number alone, so the picture is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

__all__ = ["shuffle_late"]

_ELEMENTWISE = ("Add", "Cast", "Clip", "Div", "Mul", "Round", "Sub", "Tanh")


def shuffle_late(model: onnx.ModelProto) -> None:
    """Change `model` in place, where its picture comes from a pixel shuffle through elementwise operators alone."""
    import onnx

    maker = {name: node for node in model.graph.node for name in node.output}
    users: dict[str, int] = {}
    for node in model.graph.node:
        for name in node.input:
            users[name] = users.get(name, 0) + 1
    numbers = {tensor.name for tensor in model.graph.initializer if len(onnx.numpy_helper.to_array(tensor).shape) == 0}
    numbers |= {node.output[0] for node in model.graph.node if node.op_type == "Constant" and _is_number(node)}
    last = maker.get(model.graph.output[0].name)
    if last is None or last.op_type != "Transpose":
        return
    path = [last]
    while True:
        inputs = [name for name in path[0].input if name and name not in numbers]
        before = maker.get(inputs[0]) if len(inputs) == 1 else None
        if before is None or users[inputs[0]] != 1:
            return
        if before.op_type == "DepthToSpace":
            break
        if before.op_type not in _ELEMENTWISE:
            return
        path.insert(0, before)
    if len(path) < 2 or path[-2].op_type != "Cast":
        return
    _replace_input(path[0], before.output[0], before.input[0])
    before.input[0] = path[-2].output[0]
    last.input[0] = before.output[0]
    model.graph.node.remove(before)
    model.graph.node.insert(list(model.graph.node).index(last), before)


def _replace_input(node: onnx.NodeProto, old: str, new: str) -> None:
    for position, name in enumerate(node.input):
        if name == old:
            node.input[position] = new


def _is_number(node: onnx.NodeProto) -> bool:
    attribute = node.attribute[0]
    return attribute.name == "value_float" or (attribute.name == "value" and not attribute.t.dims)
