"""What a net file's graph may not hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.errors import NetFileError
from tests.engines.nets import read_changed


def _frame_float(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


def _fixed_size(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 480


def _planes_first(model: onnx.ModelProto) -> None:
    dims = model.graph.output[0].type.tensor_type.shape.dim
    dims[1].dim_value, dims[3].dim_param = 3, "w"


def _unknown_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = 99


def _more_inputs(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def _other_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = "bytes"


@pytest.mark.parametrize(
    "change", [_frame_float, _fixed_size, _planes_first, _unknown_type, _more_inputs, _other_output]
)
def test_other_inputs_and_outputs_are_refused(tmp_path: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    with pytest.raises(NetFileError, match=r"expected (inputs|outputs)"):
        read_changed(tmp_path, change)


def _nan(model: onnx.ModelProto) -> None:
    values = numpy_helper.to_array(model.graph.initializer[0]).copy()
    values[0, 0] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, "weight"))


def _infinite(model: onnx.ModelProto) -> None:
    values = numpy_helper.to_array(model.graph.initializer[0]).copy()
    values[0, 0] = np.inf
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, "weight"))


def _constant_nan(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.array(np.nan, np.float32))
    model.graph.node.insert(0, helper.make_node("Constant", [], ["never used"], value=tensor))


def _short_weights(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]


def _long_weights(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data += bytes(4)


def _unknown_weights(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_type = 99


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_nan, "NaN or infinity"),
        (_infinite, "NaN or infinity"),
        (_constant_nan, "NaN or infinity"),
        (_short_weights, "damaged"),
        (_long_weights, "damaged"),
        (_unknown_weights, "damaged"),
    ],
)
def test_wrong_weights_are_refused(tmp_path: Path, change: Callable[[onnx.ModelProto], None], said: str) -> None:
    with pytest.raises(NetFileError, match=said):
        read_changed(tmp_path, change)


def _outside(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _constant_outside(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="weights.bin")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["never used"], value=tensor))


def _custom_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def _custom_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.example"


def _subgraph(model: onnx.ModelProto) -> None:
    one = helper.make_tensor_value_info("one", TensorProto.FLOAT, [])
    branch = helper.make_graph([helper.make_node("Constant", [], ["one"], value_float=1.0)], "branch", [], [one])
    node = helper.make_node("If", ["condition"], ["never used"], then_branch=branch, else_branch=branch)
    model.graph.node.append(node)


def _function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["a"], ["b"])
    model.functions.append(helper.make_function("local", "f", ["a"], ["b"], [node], [helper.make_opsetid("", 18)]))


def _sparse(model: onnx.ModelProto) -> None:
    values = numpy_helper.from_array(np.ones(1, np.float32), "sparse")
    places = numpy_helper.from_array(np.zeros(1, np.int64), "places")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [8]))


def _training(model: onnx.ModelProto) -> None:
    model.training_info.add()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_outside, "weights must be inside the file"),
        (_constant_outside, "weights must be inside the file"),
        (_custom_domain, "only standard ONNX operators are allowed, found 'com.example'"),
        (_custom_operator, "only standard ONNX operators are allowed, found com.example.Cast"),
        (_subgraph, "If with a graph inside"),
        (_function, "not allowed in a net file"),
        (_sparse, "not allowed in a net file"),
        (_training, "not allowed in a net file"),
    ],
)
def test_what_is_outside_the_file_and_the_standard_is_refused(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None], said: str
) -> None:
    with pytest.raises(NetFileError, match=said):
        read_changed(tmp_path, change)


def _broken_edge(model: onnx.ModelProto) -> None:
    model.graph.node[2].input[0] = "nowhere"


def _unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[2].op_type = "Paint"


def _future_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 9999


@pytest.mark.parametrize("change", [_broken_edge, _unknown_operator, _future_opset])
def test_an_invalid_graph_is_refused(tmp_path: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    with pytest.raises(NetFileError, match=r"not a valid ONNX graph|opset 1 to .* is expected, found 9999"):
        read_changed(tmp_path, change)


def test_a_graph_without_nodes_is_refused(tmp_path: Path) -> None:
    def empty(model: onnx.ModelProto) -> None:
        del model.graph.node[:]

    with pytest.raises(NetFileError, match="found no graph"):
        read_changed(tmp_path, empty)
