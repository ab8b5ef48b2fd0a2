from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from engines.backends import open_engine
from engines.contract import EngineOptions, EngineSpec
from engines.errors import BackendError
from engines.library import Library
from engines.net_file import NetFile
from engines.parity import LOWEST_DB, parity, trial_pictures, trial_style
from engines.tile_backends import open_measure, options_for_tiles
from engines.tiling import NotTileableError, Statistics, tiled_net
from tests.engines.tiled_nets import affine_net, global_net, normalising_net, sharpening_net

BACKENDS = ("openvino", "onnxruntime")
F32 = EngineOptions(precision="f32")


def test_a_net_without_normalisation_stays_as_it_is() -> None:
    net = sharpening_net(scale=2)
    tiled = tiled_net(net)
    assert tiled.painting is net
    assert tiled.channels == ()


def test_the_statistics_stand_behind_the_style() -> None:
    net = Library().net("fast")
    tiled = tiled_net(net)
    assert tiled.painting.spec.style_length == net.spec.style_length + 2 * sum(tiled.channels)
    style = np.arange(net.spec.style_length, dtype=np.float32)
    packed = Statistics(tiled.channels).packed(style)
    assert packed.dtype == np.float32
    assert packed.shape == (tiled.painting.spec.style_length,)
    assert np.array_equal(packed[: style.size], style)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_window_is_measured_and_what_is_around_it_is_not(backend: str) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    frame[:, :10] = 255
    tiled = tiled_net(normalising_net())
    with open_engine(tiled.painting, (30, 20), backend=backend, options=F32) as engine:
        measure = open_measure(tiled.measuring[0], engine.spec)
    window = np.array([0.25, 1, 1 / 3, 0.8], np.float32)
    mean, square = measure(frame, Statistics(tiled.channels).packed(None), window) * 600
    seen = frame[5:, 10:24].astype(np.float64)
    assert mean == pytest.approx(seen.sum((0, 1)), rel=1e-5)
    assert square == pytest.approx((seen**2).sum((0, 1)), rel=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_painting_uses_the_statistics_that_it_is_given(backend: str) -> None:
    frame = np.random.default_rng(0).integers(100, 140, (20, 30, 3), np.uint8)
    tiled = tiled_net(normalising_net())
    statistics = Statistics(tiled.channels)
    statistics.set_layer(0, np.array([[120.0, 110, 100], [120.0**2 + 400, 110**2 + 100, 100**2 + 2500]]), 0.0)
    with open_engine(tiled.painting, (30, 20), backend=backend, options=F32) as engine:
        engine.submit(frame, statistics.packed(None))
        image = engine.collect()
    expected = (frame - np.array([120.0, 110, 100])) / [20, 10, 50] * 50 + 128
    assert np.abs(image - expected.clip(0, 255)).max() <= 0.51


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (global_net(), "GlobalAveragePool may look at the whole picture"),
        (normalising_net(computed_scale=True), "the scale of a normalisation is computed"),
    ],
    ids=["global", "computed"],
)
def test_what_cannot_be_taken_apart_is_refused_with_the_reason(net: NetFile, reason: str) -> None:
    with pytest.raises(NotTileableError, match=reason) as caught:
        tiled_net(net)
    assert "\n" not in str(caught.value)


def test_an_opset_without_the_operators_that_are_needed_is_refused() -> None:
    net = normalising_net()
    model = onnx.load_model_from_string(net.model)
    model.opset_import[0].version = 10
    with pytest.raises(NotTileableError, match="opset is 10, expected 11"):
        tiled_net(replace(net, model=model.SerializeToString()))


@pytest.mark.parametrize("backend", ["tensorrt", "tensorrt-rtx", "torch"])
def test_for_a_gpu_the_cpu_measures_and_the_gpu_paints_in_the_same_precision(backend: str) -> None:
    tiled, frame = tiled_net(affine_net()), np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    options = options_for_tiles(backend, EngineOptions(depth=3))
    assert (options.precision, options.depth) == ("f32", 3)
    assert options_for_tiles("openvino", EngineOptions()).precision is None
    with pytest.raises(BackendError, match=r"leave the precision to it.*--backend openvino"):
        options_for_tiles(backend, EngineOptions(precision="f16"))
    window, vector = np.array([0, 1, 0, 1], np.float32), Statistics(tiled.channels).packed(None)
    found = [
        open_measure(
            tiled.measuring[0],
            EngineSpec(net=tiled.painting.spec, size=(32, 32), backend=name, device="wood", precision="f32"),
        )(frame, vector, window)
        for name in (backend, "openvino")
    ]
    assert np.array_equal(*found)


def test_the_net_of_the_tiles_is_not_taken_for_another_file_of_the_net() -> None:
    net = Library().net("fast")
    assert tiled_net(net).painting.spec.name == "fast-tiles"


def test_two_runtimes_agree_on_the_trial_pictures_of_a_net_of_tiles_and_these_show_something() -> None:
    """What a GPU's engine is compared by before it is used: statistics of any size would drive the runtimes apart."""
    pytest.importorskip("onnxruntime")
    net, size = tiled_net(Library().net("fast")).painting, (160, 120)
    with open_engine(net, size, backend="onnxruntime", options=F32) as engine:
        assert parity(engine, net)[0] > LOWEST_DB["f32"] + 10
        engine.submit(trial_pictures(size)[3], trial_style(net))
        assert engine.collect().std(axis=(0, 1)).mean() > 10


def test_a_backend_that_cannot_measure_says_which_can() -> None:
    tiled = tiled_net(affine_net())
    spec = EngineSpec(net=tiled.painting.spec, size=(32, 32), backend="abacus", device="wood", precision="f32")
    with pytest.raises(BackendError, match=r"abacus cannot measure.*onnxruntime or openvino"):
        open_measure(tiled.measuring[0], spec)
