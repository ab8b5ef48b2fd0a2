"""The torch backend's operators, on the CPU: the same pictures as the other backends. Its GPU half needs a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from engines.backends import open_engine
from engines.contract import EngineOptions, Picture
from engines.errors import BackendError
from engines.fp16 import typed_graph
from engines.library import Library
from engines.net_file import NetFile
from engines.parity import LOWEST_DB, trial_pictures, trial_style
from tests.engines.nvidia.nets import NETS, net_called

torch = pytest.importorskip("torch", reason="needs torch")


def _painted(net: NetFile, picture: Picture, precision: str = "f32") -> Picture:
    from engines.torch_backend import load_graph

    style = trial_style(net)
    inputs = [torch.from_numpy(picture.copy())[None]]
    if style is not None:
        inputs.append(torch.from_numpy(style)[None])
    with torch.inference_mode():
        image: Picture = load_graph(typed_graph(net, precision), "cpu")(*inputs)[0].numpy()
    return image


def _reference(net: NetFile, picture: Picture) -> Picture:
    size = (picture.shape[1], picture.shape[0])
    with open_engine(net, size, backend="openvino", options=EngineOptions(precision="f32", depth=1)) as engine:
        engine.submit(picture, trial_style(net))
        return engine.collect()


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("number", [2, 3])
def test_every_net_is_painted_as_by_openvino(name: str, number: int, tmp_path: Path) -> None:
    net, picture = net_called(name, tmp_path), trial_pictures((96, 64))[number]
    assert np.abs(_painted(net, picture).astype(int) - _reference(net, picture)).max() <= 1


@pytest.mark.parametrize("name", sorted(Library().nets()))
def test_the_half_graph_runs_in_true_half_and_paints_the_same(name: str) -> None:
    """torch computes half convolutions on a CPU in half: a second look at what the emulation shows."""
    net, picture = Library().net(name), trial_pictures((96, 64))[3]
    error = np.mean((_painted(net, picture, "f16").astype(float) - _reference(net, picture)) ** 2)
    assert 10 * np.log10(255**2 / max(1e-9, error)) >= LOWEST_DB["f16"]


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_nothing_is_read_back_from_the_device_so_that_a_graph_can_be_recorded(
    name: str, precision: str, tmp_path: Path
) -> None:
    """On torch's device without data, reading a value back or mixing devices is an error."""
    from engines.torch_backend import load_graph

    net = net_called(name, tmp_path)
    inputs = [torch.empty((1, 64, 96, 3), dtype=torch.uint8, device="meta")]
    if net.spec.style_length:
        inputs.append(torch.empty((1, net.spec.style_length), device="meta"))
    image = load_graph(typed_graph(net, precision), "meta")(*inputs)
    assert image.shape == (1, 64 * net.spec.scale, 96 * net.spec.scale, 3)
    assert image.dtype == torch.uint8


def test_an_unknown_operator_is_one_line_that_names_the_cpu() -> None:
    from engines.torch_backend import load_graph

    model = onnx.load_model_from_string(Library().net("fast").model)
    model.graph.node[0].op_type = "Det"
    net = NetFile(spec=Library().net("fast").spec, model=model.SerializeToString(), digest="")
    with pytest.raises(BackendError, match=r"does not know the operator Det .*--backend openvino"):
        load_graph(net, "cpu")
