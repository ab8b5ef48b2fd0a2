"""Files that cannot become a net are refused in one line, and nothing in them is run or read from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.errors import NetFileError
from engines.import_onnx import net_from_onnx
from engines.net_file import write_net
from tests.engines.nets import identity_model, identity_net
from tests.engines.plain_nets import plain_model

SIZE = (64, 48)


def _saved(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "candy.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_a_graph_whose_size_is_built_in_is_refused_in_one_line(tmp_path: Path) -> None:
    model = plain_model(size=SIZE)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 3, SIZE[1], SIZE[0]], np.int64), "built_in"))
    model.graph.node.append(helper.make_node("Reshape", ["output1", "built_in"], ["reshaped"]))
    model.graph.output[0].name = "reshaped"
    with pytest.raises(NetFileError, match="does not give pictures of the size that goes in") as caught:
        net_from_onnx(_saved(tmp_path, model), name="candy")
    assert len(str(caught.value)) < 600


def test_a_net_that_enlarges_is_refused(tmp_path: Path) -> None:
    model = plain_model()
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "double"))
    model.graph.node.append(helper.make_node("Resize", ["output1", "", "double"], ["doubled"], mode="nearest"))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("doubled", TensorProto.FLOAT, [1, 3, "a", "b"]))
    with pytest.raises(NetFileError, match="gives a picture of 320x256 for one of 160x128"):
        net_from_onnx(_saved(tmp_path, model), name="candy")


def test_a_net_file_is_refused_because_it_needs_no_import(tmp_path: Path) -> None:
    write_net(tmp_path / "same.onnx", identity_net())
    with pytest.raises(NetFileError, match="a net file already: use it with --net"):
        net_from_onnx(tmp_path / "same.onnx", name="candy")


def _two_inputs() -> onnx.ModelProto:
    model = plain_model()
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    return model


def _grey() -> onnx.ModelProto:
    model = plain_model()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    return model


def _half() -> onnx.ModelProto:
    model = plain_model()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    return model


def _flat() -> onnx.ModelProto:
    model = plain_model()
    del model.graph.input[0].type.tensor_type.shape.dim[:]
    return model


@pytest.mark.parametrize("make", [_two_inputs, _grey, _half, _flat, identity_model])
def test_graphs_with_other_ends_are_refused(tmp_path: Path, make: Any) -> None:
    with pytest.raises(NetFileError, match=r"float \(1, 3, h, w\)"):
        net_from_onnx(_saved(tmp_path, make()), name="candy")


def test_weights_outside_the_file_are_never_read(tmp_path: Path) -> None:
    model = plain_model()
    tensor = model.graph.initializer[1]
    (tmp_path / "weights.bin").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    with pytest.raises(NetFileError, match="must be inside the file"):
        net_from_onnx(_saved(tmp_path, model), name="candy")


def test_custom_operators_are_never_loaded(tmp_path: Path) -> None:
    model = plain_model()
    model.graph.node[0].domain = "com.example"
    with pytest.raises(NetFileError, match="only standard ONNX operators"):
        net_from_onnx(_saved(tmp_path, model), name="candy")


@pytest.mark.parametrize(
    "content", [b"", b"text", bytes(1000), b"\x80\x02}q\x00."], ids=["empty", "text", "0", "pickle"]
)
def test_what_is_not_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "candy.onnx").write_bytes(content)
    with pytest.raises(NetFileError, match="expected an ONNX file"):
        net_from_onnx(tmp_path / "candy.onnx", name="candy")
