from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from train.sr.task import export_sr, sr_trainer, upscale

from engines.backends import open_engine
from engines.contract import EngineOptions
from engines.errors import BackendError, BadInputError
from engines.net_file import read_net
from train.config import SrConfig
from train.export import net_from_network
from train.sr import task
from train.sr.networks import UpscaleNet


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step."""
    folder = tmp_path_factory.mktemp("sr")
    picture = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    (folder / "pictures").mkdir()
    cv2.imwrite(str(folder / "pictures" / "a.png"), picture)
    config = SrConfig(pictures=str(folder / "pictures"), scale=3, width=8, depth=1, steps=1, batch=1, patch=12)
    sr_trainer(folder / "run", config).go(lambda _: None)
    return folder / "run"


def test_a_run_becomes_a_net_file_that_says_what_it_is(run_folder: Path, tmp_path: Path) -> None:
    export_sr(run_folder, tmp_path)
    net = read_net(tmp_path / "sr3-fidelity.onnx")
    assert (net.spec.name, net.spec.kind, net.spec.scale, net.spec.size_multiple) == ("sr3-fidelity", "upscale", 3, 1)
    assert net.spec.style_length == 0
    assert net.spec.training["steps"] == 1
    assert "pictures" not in net.spec.training  # a path of this machine
    kinds = [node.op_type for node in onnx.load_from_string(net.model).graph.node]
    assert kinds.count("Conv") == 4  # stem, base, one inner convolution, head: no branches


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_engines_make_what_the_trained_net_makes_at_odd_sizes(backend: str) -> None:
    torch.manual_seed(0)
    net = UpscaleNet(2, width=8, depth=2).eval()
    picture = np.random.default_rng(1).integers(0, 256, (23, 37, 3), np.uint8)
    file = net_from_network(net, name="sr2-fidelity")
    with open_engine(file, (37, 23), backend=backend, options=EngineOptions(precision="f32")) as engine:
        engine.submit(picture)
        made = engine.collect()
    assert made.shape == (46, 74, 3)
    assert np.abs(made.astype(int) - upscale(net, picture)).max() <= 1


def test_the_same_weights_give_the_same_file() -> None:
    torch.manual_seed(0)
    net = UpscaleNet(2, width=8, depth=1)
    assert net_from_network(net, name="a").digest == net_from_network(net, name="a").digest


def test_nothing_is_written_where_the_file_would_differ(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_other_weights(net: UpscaleNet, **options: object) -> object:
        other = UpscaleNet(net.scale, width=8, depth=1)
        torch.nn.init.ones_(other.head.bias)
        return net_from_network(other, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(task, "net_from_upscaler", of_other_weights)
    with pytest.raises(BackendError, match="differs from PyTorch"):
        export_sr(run_folder, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"has no checkpoint\.pt"):
        export_sr(tmp_path, tmp_path)
