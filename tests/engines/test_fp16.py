from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from engines import fp16
from engines.backends import open_engine
from engines.contract import EngineOptions, Picture
from engines.errors import BackendError, NetFileError
from engines.fp16 import STATISTICS, check_typing, find_islands, half_from_net, typed_from_net
from engines.library import Library
from engines.net_file import NetFile, NetSpec, net_from_model
from engines.parity import LOWEST_DB, check_graph, trial_pictures, trial_style
from tests.conftest import shared
from tests.engines.fp16_emulation import emulate, norms_taken_apart
from tests.engines.nvidia.nets import NETS, net_called

_NETS = sorted(Library().nets())


def _net(name: str = "fast") -> NetFile:
    return Library().net(name)


def _types(net: NetFile) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(net.model), strict_mode=True)
    return {v.name: v.type.tensor_type.elem_type for v in inferred.graph.value_info} | {
        t.name: t.data_type for t in inferred.graph.initializer
    }


def _psnr_db(one: Picture, other: Picture) -> float:
    return 10 * float(np.log10(255**2 / max(1e-9, np.mean((one.astype(float) - other.astype(float)) ** 2))))


def _painted(net: NetFile, picture: Picture, backend: str = "openvino") -> Picture:
    size = (picture.shape[1], picture.shape[0])
    with open_engine(net, size, backend=backend, options=EngineOptions(precision="f32", depth=1)) as engine:
        engine.submit(picture, trial_style(_net(net.spec.name)))
        return engine.collect()


def _photo(width: int, height: int, number: int = 0) -> Picture:
    path = sorted(shared("content").glob("*"))[number]
    return np.asarray(Image.open(path).convert("RGB").resize((width, height)))


@pytest.mark.parametrize("name", _NETS)
def test_every_convolution_is_half_and_every_statistic_is_float(name: str) -> None:
    half = half_from_net(_net(name))
    types = _types(half)
    nodes = onnx.load_model_from_string(half.model).graph.node
    convolutions = [node for node in nodes if node.op_type == "Conv"]
    assert convolutions
    assert {types[name] for node in convolutions for name in node.input} == {TensorProto.FLOAT16}
    assert {types[node.input[0]] for node in nodes if node.op_type in STATISTICS} <= {TensorProto.FLOAT}
    norms = [node for node in nodes if node.op_type == "InstanceNormalization"]
    assert bool(norms) == (half.spec.kind == "style")
    assert {types[name] for node in norms for name in (*node.input, *node.output)} <= {TensorProto.FLOAT}
    ends = [node for node in nodes if {"frame", "image"} & {*node.input, *node.output}]
    assert {types.get(name) for node in ends for name in (*node.input, *node.output)} == {TensorProto.FLOAT, None}


def test_the_half_net_is_a_net_file_of_half_the_size_with_the_same_ends() -> None:
    net = _net()
    half = half_from_net(net)
    assert half.spec == net.spec
    assert half.digest != net.digest
    assert len(half.model) < 0.55 * len(net.model)


@pytest.mark.parametrize("convert", [half_from_net, typed_from_net])
def test_only_casts_touch_uint8(convert: object) -> None:
    made: NetFile = convert(_net())  # type: ignore[operator]
    types = _types(made) | {"frame": TensorProto.UINT8, "image": TensorProto.UINT8}
    for node in onnx.load_model_from_string(made.model).graph.node:
        touched = {types.get(name) for name in (*node.input, *node.output)}
        assert node.op_type == "Cast" or TensorProto.UINT8 not in touched


def test_moving_the_casts_changes_no_pixel() -> None:
    picture = trial_pictures((64, 48))[3]
    np.testing.assert_array_equal(_painted(typed_from_net(_net()), picture), _painted(_net(), picture))


def test_the_check_refuses_a_statistic_in_half() -> None:
    model = onnx.load_model_from_string(half_from_net(_net()).model)
    norm = next(node for node in model.graph.node if node.op_type == "InstanceNormalization")
    cast = next(node for node in model.graph.node if node.output[0] == norm.input[0])
    cast.attribute[0].i = TensorProto.FLOAT16
    for name in norm.input[1:]:
        for tensor in model.graph.initializer:
            if tensor.name == name and tensor.data_type == TensorProto.FLOAT:
                values = numpy_helper.to_array(tensor).astype(np.float16)
                tensor.CopyFrom(numpy_helper.from_array(values, name))
    others = [n for n in model.graph.node if n.op_type == "InstanceNormalization" and n.input[1] == norm.input[1]]
    for other in others:
        next(n for n in model.graph.node if n.output[0] == other.input[0]).attribute[0].i = TensorProto.FLOAT16
    with pytest.raises(NetFileError, match="would compute statistics in float16"):
        check_typing(NetFile(spec=_net().spec, model=model.SerializeToString(), digest=""))


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("number", [0, 1])
def test_the_half_graph_paints_photos_as_the_float_net_does(backend: str, number: int) -> None:
    pytest.importorskip(backend)
    photo = _photo(640, 480, number)
    assert _psnr_db(_painted(half_from_net(_net()), photo, backend), _painted(_net(), photo)) >= LOWEST_DB["f16"]


@pytest.mark.parametrize("size", [(640, 480), (1600, 400)])
def test_with_true_half_rounding_photos_stay_the_same(size: tuple[int, int]) -> None:
    pytest.importorskip("onnxruntime")
    photo = _photo(*size)
    painted, largest = emulate(half_from_net(_net()), photo, trial_style(_net()))
    assert _psnr_db(painted, _painted(_net(), photo)) >= LOWEST_DB["f16"]
    assert largest < 65504 / 2


@pytest.mark.parametrize("name", [name for name in _NETS if _net(name).spec.kind == "upscale"])
@pytest.mark.parametrize("number", range(5))
def test_upscalers_stay_the_same_with_true_half_rounding(name: str, number: int) -> None:
    pytest.importorskip("onnxruntime")
    net, size = _net(name), (160, 120)
    picture = _photo(*size) if number == 4 else trial_pictures(size)[number]
    painted, largest = emulate(half_from_net(net), picture, None)
    assert _psnr_db(painted, _painted(net, picture)) >= LOWEST_DB["f16"]
    assert largest < 65504 / 2


@pytest.mark.parametrize("number", range(4))
def test_black_white_noise_and_shapes_do_not_overflow(number: int) -> None:
    pytest.importorskip("onnxruntime")
    picture = trial_pictures((640, 360))[number]
    _, largest = emulate(half_from_net(_net()), picture, trial_style(_net()))
    assert largest < 65504 / 2


def test_norms_that_an_exporter_took_apart_stay_in_float_too() -> None:
    pytest.importorskip("onnxruntime")
    apart = net_from_model(norms_taken_apart(_net()), _net().spec)
    photo = _photo(320, 240)
    painted, _ = emulate(half_from_net(apart), photo, trial_style(_net()))
    assert _psnr_db(painted, _painted(_net(), photo)) >= LOWEST_DB["f16"]


def test_statistics_in_half_are_found_out_by_the_emulation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulation can fail: norms in float16, as careless converters make them, overflow in it.

    Weights before a norm are enlarged, which changes nothing in float32: the norm divides by what they add.
    """
    pytest.importorskip("onnxruntime")
    model = norms_taken_apart(_net())
    normed = {node.input[0] for node in model.graph.node if node.op_type == "ReduceMean"}
    wide = {node.input[1] for node in model.graph.node if node.op_type == "Conv" and node.output[0] in normed}
    for tensor in model.graph.initializer:
        if tensor.name in wide:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(16), tensor.name))
    apart = net_from_model(model, _net().spec)
    photo = _photo(320, 240)
    painted, largest = emulate(half_from_net(apart), photo, trial_style(_net()))
    assert largest < 65504
    assert _psnr_db(painted, _painted(_net(), photo)) >= LOWEST_DB["f16"]

    def ends_only(model: onnx.ModelProto) -> tuple[set[int], set[int]]:
        data, full = find_islands(model)
        inner = [i for i, node in enumerate(model.graph.node) if any("__" in n for n in (*node.input, *node.output))]
        return data, full - set(inner)

    monkeypatch.setattr(fp16, "find_islands", ends_only)
    monkeypatch.setattr(fp16, "check_typing", lambda _: None)
    painted, largest = emulate(half_from_net(apart), photo, trial_style(_net()))
    assert largest == float("inf")
    assert _psnr_db(painted, _painted(_net(), photo)) < LOWEST_DB["f16"]


def test_a_graph_that_paints_something_else_is_refused() -> None:
    model = onnx.load_model_from_string(half_from_net(_net()).model)
    weights = next(t for t in model.graph.initializer if t.name.endswith("weight_half"))
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * np.float16(0.5) ** 2, weights.name))
    bias = next(t for t in model.graph.initializer if "bias" in t.name)
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float16(0.2), bias.name))
    with pytest.raises(BackendError, match="does not paint what the CPU paints"):
        check_graph(_net(), net_from_model(model, _net().spec), "f16")


@pytest.mark.parametrize("name", NETS)
def test_the_graph_of_every_kind_of_net_agrees_with_the_net(name: str, tmp_path: Path) -> None:
    net = net_called(name, tmp_path)
    assert check_graph(net, half_from_net(net), "f16") >= LOWEST_DB["f16"]


def _small_net(weight: NDArray[np.float32], *middle: onnx.NodeProto, scale: int = 1) -> NetFile:
    """uint8 in, one 1x1 convolution, what stands in `middle` from `conv` to `out`, uint8 out."""
    nodes = [
        helper.make_node("Transpose", ["frame"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x", "weight"], ["conv"], kernel_shape=[1, 1]),
        *middle,
        helper.make_node("Clip", ["out", "low", "high"], ["clipped"]),
        helper.make_node("Cast", ["clipped"], ["bytes"], to=TensorProto.UINT8),
        helper.make_node("Transpose", ["bytes"], ["image"], perm=[0, 2, 3, 1]),
    ]
    side = ["h", "w"] if scale == 1 else ["hs", "ws"]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("frame", TensorProto.UINT8, [1, "h", "w", 3])],
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, *side, 3])],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.float32(0), "low"),
            numpy_helper.from_array(np.float32(255), "high"),
            numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), "scales"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    kind = "style" if scale == 1 else "upscale"
    return net_from_model(model, NetSpec(name="small", kind=kind, scale=scale))


_EYE = np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)


def test_a_net_that_transposes_before_it_casts_is_put_right_and_paints_the_same() -> None:
    net = _small_net(_EYE, helper.make_node("Relu", ["conv"], ["out"]))
    half = half_from_net(net)
    check_typing(half)
    picture = trial_pictures((32, 16))[2]
    np.testing.assert_array_equal(_painted_plain(half, picture), picture)


def test_the_scales_of_a_resize_stay_in_float() -> None:
    net = _small_net(_EYE, helper.make_node("Resize", ["conv", "", "scales"], ["out"], mode="nearest"), scale=2)
    picture = trial_pictures((32, 16))[2]
    doubled = picture.repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(_painted_plain(half_from_net(net), picture), doubled)


def test_weights_that_half_cannot_hold_are_refused_with_the_way_on() -> None:
    net = _small_net(_EYE * np.float32(1e6), helper.make_node("Relu", ["conv"], ["out"]))
    with pytest.raises(NetFileError, match="use --precision f32"):
        half_from_net(net)


def _painted_plain(net: NetFile, picture: Picture) -> Picture:
    size = (picture.shape[1], picture.shape[0])
    with open_engine(net, size, backend="openvino", options=EngineOptions(precision="f32", depth=1)) as engine:
        engine.submit(picture)
        return engine.collect()
