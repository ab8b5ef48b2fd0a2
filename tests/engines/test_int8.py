from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from engines.backends import open_engine
from engines.calibration import best_scale, with_int8_scales
from engines.contract import EngineOptions, Picture
from engines.errors import BackendError, NetFileError
from engines.int8 import int8_from_net, quantized_inputs
from engines.library import Library, shipped_folder
from engines.net_file import NetFile, net_from_model, read_net, write_net
from engines.processors import processor
from engines.styles import resolve_style
from tests.engines.nets import slow_net, tint_net, vector

RNG = np.random.default_rng(0)
FRAME = np.asarray(cv2.GaussianBlur(RNG.integers(0, 256, (48, 64, 3), np.uint8), (0, 0), 2), np.uint8)
COLOUR = vector(10, 0, -10)
SHIPPED = sorted(Library(shipped_folder()).nets())


def _scaled(net: NetFile | None = None) -> NetFile:
    return with_int8_scales(net or slow_net(channels=16), [FRAME], [COLOUR])


def _painted(net: NetFile, backend: str = "openvino", precision: str = "f32") -> Picture:
    height, width = FRAME.shape[:2]
    with open_engine(net, (width, height), backend=backend, options=EngineOptions(precision=precision)) as engine:
        engine.submit(FRAME, COLOUR)
        return engine.collect()


def _changed(net: NetFile, change: onnx.NodeProto, *, before: str) -> onnx.ModelProto:
    """The net's graph with a node put in front of the convolution that reads `before`."""
    model = onnx.load_model_from_string(net.model)
    nodes = list(model.graph.node)
    place = next(i for i, node in enumerate(nodes) if node.op_type == "Conv" and node.input[0] == before)
    model.graph.node[place].input[0] = change.output[0]
    model.graph.node.insert(place, change)
    return model


def test_scales_are_kept_in_the_net_file(tmp_path: Path) -> None:
    net = _scaled()
    assert sorted(net.spec.int8_scales) == ["many", "worked"]
    assert net.spec.int8_scales["many"] == pytest.approx(float(FRAME.max()) / 127, rel=0.3)
    write_net(tmp_path / "net.onnx", net)
    assert read_net(tmp_path / "net.onnx").spec == net.spec


def test_the_picture_stays_and_both_runtimes_paint_the_same_quantised_graph() -> None:
    pytest.importorskip("onnxruntime")
    net = _scaled()
    whole, eighth = _painted(net), _painted(net, precision="int8")
    assert not np.array_equal(whole, eighth)  # 8 bits were really used
    assert cv2.PSNR(whole, eighth) >= 38
    reference = _painted(int8_from_net(net), "onnxruntime")
    assert np.abs(eighth.astype(int) - reference).max() <= 3  # bf16 between the convolutions, where the CPU has it


def test_the_head_may_stay_in_float() -> None:
    net = with_int8_scales(slow_net(channels=16), [FRAME], [COLOUR], float_head=True)
    assert list(net.spec.int8_scales) == ["many"]


def test_a_convolution_that_reads_the_picture_stays_in_float() -> None:
    graph = onnx.load_model_from_string(int8_from_net(_scaled()).model).graph
    weights = {node.output[0]: node.input[1] for node in graph.node if node.op_type == "Conv"}
    assert weights["many"] == "wide"
    assert weights["worked"] != "middle"
    assert "middle" not in {tensor.name for tensor in graph.initializer}


@pytest.mark.parametrize(
    ("operator", "options", "moves"),
    [
        ("Pad", {"mode": "reflect"}, True),
        ("Pad", {"mode": "constant"}, False),
        ("Resize", {"mode": "nearest"}, True),
        ("Resize", {"mode": "linear"}, False),
        ("Tanh", {}, False),
    ],
)
def test_quantisation_comes_before_what_only_repeats(operator: str, options: dict[str, str], moves: bool) -> None:
    inputs = {"Pad": ["many", "sides"], "Resize": ["many", "", "factors"], "Tanh": ["many"]}[operator]
    model = _changed(slow_net(channels=16), helper.make_node(operator, inputs, ["moved"], **options), before="many")
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), "sides"),
            numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "factors"),
        ]
    )
    assert ("many" if moves else "moved") in quantized_inputs(model)


def test_what_follows_a_relu_is_unsigned() -> None:
    model = _changed(slow_net(channels=16), helper.make_node("Relu", ["many"], ["positive"]), before="many")
    assert quantized_inputs(model) == {"positive": False, "worked": True}
    net = _scaled(net_from_model(model, slow_net().spec))
    assert cv2.PSNR(_painted(net), _painted(net, precision="int8")) >= 38


def test_a_net_without_large_convolutions_stays_as_it_is() -> None:
    assert with_int8_scales(tint_net(), [FRAME], [COLOUR]) == tint_net()
    with pytest.raises(NetFileError, match="net tint: no scales for 8 bits"):
        int8_from_net(tint_net())
    with pytest.raises(BackendError, match="net tint has no scales for int8: leave --precision out"):
        _painted(tint_net(), precision="int8")


def test_a_net_that_8_bits_would_spoil_stays_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    model = onnx.load_model_from_string(slow_net(channels=16).model)
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "middle")
    values = numpy_helper.to_array(weight).copy()
    values[0, 5, 1, 1] = 300.0  # by a channel of zeros: of no effect, and too large a step for the weight beside it
    weight.CopyFrom(numpy_helper.from_array(values, "middle"))
    net = net_from_model(model, slow_net().spec)
    assert with_int8_scales(net, [FRAME], [COLOUR]) == net
    assert "stays without int8" in caplog.text


@pytest.mark.parametrize("step", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_is_above_0(step: float) -> None:
    with pytest.raises(NetFileError, match="the scale of 'x' for 8 bits is above 0"):
        replace(tint_net().spec, int8_scales={"x": step})


def test_a_scale_clips_a_few_far_values_and_keeps_even_ones() -> None:
    even = np.linspace(0, 1, 4096, dtype=np.float32)
    assert best_scale(even, signed=False) == pytest.approx(1 / 255, rel=0.03)
    assert best_scale(even - 1, signed=True) == pytest.approx(1 / 127, rel=0.03)
    far = RNG.normal(0, 1, 2**18).astype(np.float32)
    far[0] = 12
    assert best_scale(far, signed=True) < 9 / 127
    assert best_scale(np.zeros(9, np.float32), signed=True) == 1


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_nets_paint_the_same_in_8_bits(name: str) -> None:
    library = Library(shipped_folder())
    net = library.net(name)
    assert net.spec.int8_scales
    size, frame = (320, 240), np.asarray(cv2.resize(FRAME, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)
    style = resolve_style("udnie", net=name, library=library).vector if net.spec.style_length else None
    pictures = []
    for precision in ("f32", "int8"):
        with open_engine(net, size, backend="openvino", options=EngineOptions(precision=precision)) as engine:
            engine.submit(frame, style)
            pictures.append(engine.collect())
    assert cv2.PSNR(*pictures) >= 38


def test_int8_is_the_default_where_the_cpu_sums_its_products_in_32_bits() -> None:
    quick = {"AVX-VNNI", "AVX512-VNNI", "AMX-INT8"} & set(processor().features)
    with open_engine(_scaled(), (64, 48), backend="openvino") as engine:
        assert (engine.spec.precision == "int8") == bool(quick)
    with open_engine(slow_net(channels=16), (64, 48), backend="openvino") as engine:
        assert engine.spec.precision in ("bf16", "f32")
