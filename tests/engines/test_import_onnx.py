"""Plain single-style ONNX files become net files that paint the same."""

from __future__ import annotations

import builtins
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.backends import open_engine, reports
from engines.contract import EngineOptions, Picture
from engines.errors import BackendError, NetFileError
from engines.import_onnx import check_import, net_from_onnx, probe_picture
from engines.net_file import NetFile, read_net, write_net
from tests.engines.nets import identity_net
from tests.engines.plain_nets import plain_model

SIZE = (64, 48)


def _saved(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "candy.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def _original(path: Path, frame: Picture, white: int) -> Picture:
    """What ONNX Runtime makes of a frame with the file as it is."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    planes = frame.astype(np.float32).transpose(2, 0, 1)[None] * np.float32(white / 255)
    (result,) = session.run(None, {"input1": planes})
    return np.clip(result[0].transpose(1, 2, 0) * (255 / white), 0, 255).round().astype(np.uint8)


def _painted(net: NetFile, frame: Picture, backend: str) -> Picture:
    size = (frame.shape[1], frame.shape[0])
    with open_engine(net, size, backend=backend, options=EngineOptions(precision="f32")) as engine:
        engine.submit(frame)
        return engine.collect()


def _same(path: Path, net: NetFile, size: tuple[int, int], white: int) -> None:
    """Every backend paints what the original paints, within 1 of 255."""
    frame = probe_picture(size)
    expected = _original(path, frame, white)
    assert expected.std() > 10  # a picture, or the comparison says nothing
    for report in reports():
        if report.usable:
            difference = np.abs(_painted(net, frame, report.name).astype(int) - expected).max()
            assert difference <= 1, report.name


@pytest.mark.parametrize("white", [255, 1])
@pytest.mark.parametrize(
    "form",
    [
        {"opset": 7, "size": SIZE, "weights_as_inputs": True},
        {"opset": 8, "size": SIZE, "weights_as_inputs": True},
        {"opset": 9, "size": SIZE, "weights_as_inputs": True},
        {"opset": 9, "size": SIZE, "weights_as_inputs": True, "enlarge": "division"},
        {"opset": 9},
        {"opset": 10, "size": SIZE},
        {"opset": 11, "size": SIZE},
        {"opset": 11, "size": SIZE, "enlarge": "sizes"},
        {"opset": 11, "enlarge": "chain"},
        {"opset": 13, "size": SIZE, "enlarge": "sizes"},
        {"opset": 18},
        {"opset": 18, "size": SIZE, "enlarge": "chain"},
        {"opset": 21},
    ],
    ids=lambda form: "-".join(str(value) for value in form.values()),
)
def test_an_imported_net_paints_as_the_original_whatever_its_form(
    tmp_path: Path, form: dict[str, Any], white: int
) -> None:
    path = _saved(tmp_path, plain_model(white=white, **form))
    imported = net_from_onnx(path, name="candy")
    assert (imported.white_in, imported.white_out) == (white, white)
    assert imported.difference <= 1
    assert imported.net.spec.size_multiple == 2
    _same(path, imported.net, SIZE, white)


def test_a_net_that_was_traced_for_one_size_paints_every_size(tmp_path: Path) -> None:
    traced = _saved(tmp_path, plain_model(opset=9, size=SIZE, weights_as_inputs=True, enlarge="division"))
    net = net_from_onnx(traced, name="candy").net
    free = _saved(tmp_path, plain_model(opset=9))  # the same weights, open sizes
    for size in ((16, 16), (130, 66), (32, 200)):
        _same(free, net, size, 255)
    for size in ((17, 16), (33, 57)):  # not a multiple of the net's
        assert _painted(net, probe_picture(size), "openvino").shape == (size[1], size[0], 3)


def test_an_imported_net_is_a_net_file_that_says_where_it_comes_from(tmp_path: Path) -> None:
    path = _saved(tmp_path, plain_model())
    net = net_from_onnx(path, name="candy-2").net
    write_net(tmp_path / "candy-2.onnx", net)
    spec = read_net(tmp_path / "candy-2.onnx").spec
    assert (spec.name, spec.kind, spec.scale, spec.style_length) == ("candy-2", "style", 1, 0)
    assert spec.margin == 2 + 1 + 1 + 1  # 5x5, 3x3, half a pixel of half the size, 3x3
    assert spec.training["imported_from"] == "candy.onnx"
    assert spec.training["white_in"] == spec.training["white_out"] == 255
    first = onnx.load_model_from_string(net.model).graph.node[:2]
    assert [node.op_type for node in first] == ["Cast", "Transpose"]  # TensorRT takes uint8 only in a cast


def test_names_of_the_original_do_not_meet_those_of_the_net_file(tmp_path: Path) -> None:
    model = plain_model()
    for old, new in (("input1", "frame"), ("output1", "image"), ("conv1", "style")):
        for part in (*model.graph.input, *model.graph.output):
            part.name = new if part.name == old else part.name
        for node in model.graph.node:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    names[place] = new if name == old else name
    assert net_from_onnx(_saved(tmp_path, model), name="candy").difference <= 1


def _one_node(kind: str, *, scale: float, shift: float, sides: list[Any] | None = None) -> onnx.ModelProto:
    """picture * scale + shift, then `kind`: a net without norms, for which the range matters."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, *(sides or ["h", "w"])])
        for name in ("input1", "output1")
    ]
    nodes = [
        helper.make_node("Mul", ["input1", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["shifted"]),
        helper.make_node(kind, ["shifted"], ["output1"]),
    ]
    weights = [numpy_helper.from_array(np.float32(v), n) for v, n in ((scale, "scale"), (shift, "shift"))]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], initializer=weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


@pytest.mark.parametrize(
    ("scale", "shift", "ranges"),
    [
        (4.0, -2.0, (1, 1)),  # a sigmoid over 0..1; with 0..255 nearly all of it is white
        (4 / 255, -2.0, (255, 1)),  # takes 0..255 and gives 0..1; with 0..1 all is one grey
    ],
)
def test_the_range_is_found_where_it_matters(
    tmp_path: Path, scale: float, shift: float, ranges: tuple[int, int]
) -> None:
    path = _saved(tmp_path, _one_node("Sigmoid", scale=scale, shift=shift))
    imported = net_from_onnx(path, name="candy")
    assert (imported.white_in, imported.white_out) == ranges


def test_a_range_that_is_given_is_taken(tmp_path: Path) -> None:
    path = _saved(tmp_path, _one_node("Relu", scale=1.0, shift=0.0))
    assert net_from_onnx(path, name="candy").white_in == 255
    imported = net_from_onnx(path, name="candy", white=1)
    assert (imported.white_in, imported.white_out) == (1, 1)


def test_a_net_that_gives_minus_one_to_one_is_refused_unless_a_range_is_given(tmp_path: Path) -> None:
    path = _saved(tmp_path, _one_node("Tanh", scale=4.0, shift=-2.0))
    with pytest.raises(NetFileError, match="--range"):
        net_from_onnx(path, name="candy")
    assert net_from_onnx(path, name="candy", white=1).white_out == 1


def test_a_net_of_nan_is_refused(tmp_path: Path) -> None:
    path = _saved(tmp_path, _one_node("Log", scale=-1.0, shift=-1.0))
    with pytest.raises(NetFileError, match="NaN"):
        net_from_onnx(path, name="candy")


def test_a_net_that_paints_something_else_is_an_error() -> None:
    with pytest.raises(BackendError, match="differs from the original by 2 of 255"):
        check_import(identity_net(), lambda frame: np.where(frame < 250, frame + 2, frame).astype(np.uint8), SIZE)


def test_the_import_needs_neither_torch_nor_onnxruntime(tmp_path: Path) -> None:
    path = _saved(tmp_path, plain_model(opset=9, size=SIZE, weights_as_inputs=True))
    program = (
        "import sys, importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'onnxruntime' else real(name, *rest)\n"
        "for name in ('torch', 'torchvision', 'onnxruntime'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from engines.import_onnx import net_from_onnx\n"
        "sys.stdout.write(str(net_from_onnx(Path(sys.argv[1]), name='candy').difference))\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert int(done.stdout) <= 1


def test_the_probe_has_light_dark_edges_and_colours() -> None:
    frame = probe_picture((100, 80))
    assert frame.shape == (80, 100, 3)
    assert frame.dtype == np.uint8
    assert np.array_equal(frame, probe_picture((100, 80)))
    assert frame.min() < 50
    assert frame.max() > 200
    assert builtins.min(frame[..., channel].std() for channel in range(3)) > 20
