import copy
import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from engines.backends import open_engine
from engines.contract import EngineOptions
from engines.errors import BackendError, BadInputError
from engines.net_file import read_net
from train import export
from train.checkpoint import check_options
from train.config import SrConfig
from train.distributed import DistributedContext
from train.export import net_from_network, paint
from train.loss_networks import LossNetwork, loss_network
from train.sr.evaluation import imresize
from train.sr.networks import UpscaleNet
from train.sr.task import (
    Discriminator,
    SrTask,
    discriminator_loss,
    export_sr,
    feature_loss,
    generator_loss,
    pixel_loss,
    sr_trainer,
)
from train.trainer import Trainer

ALONE = DistributedContext(device=torch.device("cpu"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(3):
        picture = imresize(rng.integers(0, 256, (24, 30, 3), np.uint8), 4)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


def _config(pictures: Path, **changes: object) -> SrConfig:
    small = {"scale": 2, "width": 8, "depth": 1, "steps": 6, "batch": 2, "patch": 12, "log_every": 1, "save_every": 3}
    return SrConfig(pictures=str(pictures), **(small | changes))  # type: ignore[arg-type]


def _finished(folder: Path, config: SrConfig, stop_after: int | None = None) -> Trainer[SrTask]:
    trainer = sr_trainer(folder, config, ALONE)
    calls = itertools.count(1)
    finished = trainer.run(lambda _: None, lambda: stop_after is not None and next(calls) >= stop_after)
    assert finished == (stop_after is None)
    return trainer


_PAPER = {"net": "johnson", "scale": 4, "degradation": "paper", "steps": 3, "batch": 1}
_ADVERSARIAL = {"mode": "perceptual", "degradation": "video", "adversarial_weight": 0.01, "feature_weight": 0.0}


@pytest.mark.parametrize("changes", [{}, _ADVERSARIAL], ids=["fidelity", "adversarial"])
def test_a_stopped_run_ends_with_the_weights_of_one_that_was_not(
    pictures: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    config = _config(pictures, **changes)
    whole = _finished(tmp_path / "whole", config)
    stopped = _finished(tmp_path / "parts", config, stop_after=2)
    assert stopped.step == 2
    resumed = _finished(tmp_path / "parts", config)
    assert resumed.step == whole.step == 6
    for name, weight in whole.task.net.state_dict().items():
        torch.testing.assert_close(resumed.task.net.state_dict()[name], weight, rtol=0, atol=0)
    logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("whole", "parts")]
    assert logs[0] == logs[1]


def test_a_run_learns(pictures: Path, tmp_path: Path) -> None:
    trainer = _finished(tmp_path, _config(pictures, steps=60, batch=4, learning_rate=3e-3, save_every=60))
    losses = [json.loads(line)["pixel"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    assert trainer.step == 60


def test_perceptual_adds_a_loss_of_features(pictures: Path, tmp_path: Path) -> None:
    _finished(tmp_path, _config(pictures, mode="perceptual", steps=1))
    line = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    assert line["feature"] > 0
    assert line["adversarial"] == 0


def test_a_run_leaves_its_records_and_measures_its_checks(pictures: Path, tmp_path: Path) -> None:
    for name, picture in (("HR_x2", np.zeros((40, 44, 3), np.uint8)), ("LR_x2", np.zeros((20, 22, 3), np.uint8))):
        (tmp_path / "set" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / name / "a.png"), picture + 9)
    trainer = _finished(tmp_path / "run", _config(pictures, checks=str(tmp_path / "set")))
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"config.json", "checkpoint.pt", "log.jsonl", "samples-000003.png", "tensorboard"} <= names
    assert trainer.figures["psnr"] > 20
    sheet = cv2.imread(str(tmp_path / "run" / "samples-000006.png"))
    assert sheet.shape == (2 * 24, 4 * 24, 3)


def test_perceptual_begins_with_the_weights_of_another_run(pictures: Path, tmp_path: Path) -> None:
    _finished(tmp_path / "first", _config(pictures))
    config = _config(pictures, start=str(tmp_path / "first" / "checkpoint.pt"), seed=5)
    trainer = sr_trainer(tmp_path / "second", config, ALONE)
    assert trainer.step == 0
    first = torch.load(tmp_path / "first" / "checkpoint.pt", weights_only=True)["net"]
    torch.testing.assert_close(trainer.task.net.state_dict()["stem.weight"], first["stem.weight"])


def test_the_papers_net_is_trained_resumed_and_exported(pictures: Path, tmp_path: Path) -> None:
    _finished(tmp_path, _config(pictures, **_PAPER), stop_after=1)
    assert _finished(tmp_path, _config(pictures, **_PAPER)).step == 3
    file = export_sr(tmp_path, tmp_path / "export")
    assert (file.spec.name, file.spec.scale) == ("johnson-sr4-fidelity", 4)


def test_other_options_for_a_run_that_stands_there_are_refused(pictures: Path, tmp_path: Path) -> None:
    _finished(tmp_path, _config(pictures))
    check_options(tmp_path, _config(pictures, steps=9))
    with pytest.raises(BadInputError, match="begun with patch 12, now patch is 16"):
        check_options(tmp_path, _config(pictures, patch=16))


def test_pictures_that_are_too_small_are_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="136 pixels or more"):
        sr_trainer(tmp_path, _config(pictures, patch=64), ALONE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scale": 5}, "enlarges by one of 2, 3, 4"),
        ({"net": "johnson", "scale": 2}, "enlarges by one of 4, 8"),
        ({"mode": "pretty"}, "mode is one of fidelity, perceptual"),
        ({"steps": 0}, "steps of 1 or more"),
        ({"learning_rate": 0.0}, "learning_rate above 0"),
        ({"pixel_weight": float("nan")}, "pixel_weight of 0 or more"),
    ],
)
def test_impossible_options_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        SrConfig(pictures="x", **changes)  # type: ignore[arg-type]


def test_a_config_comes_back_as_it_was_written(tmp_path: Path) -> None:
    config = SrConfig(pictures="x", scale=3, mode="perceptual", feature_weight=2)
    config.save(tmp_path / "config.json")
    assert SrConfig.load(tmp_path / "config.json") == config


@pytest.mark.parametrize("text", ["{", "[]", '{"scales": 4}', '{"pictures": 4}', '{"pictures": "x", "scale": true}'])
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BadInputError, match="training config"):
        SrConfig.load(tmp_path / "config.json")


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    return loss_network("vgg19")


def test_pixel_loss_weighs_luma_more_than_colour() -> None:
    grey = torch.full((1, 3, 8, 8), 0.5)
    lighter = grey + 0.1
    tinted = grey + torch.tensor([0.1, 0.1 * -65.481 / 128.553, 0.0]).view(1, 3, 1, 1)
    assert pixel_loss(lighter, grey).item() == pytest.approx((219 / 255 + 0.25) * 0.1, rel=1e-3)
    assert pixel_loss(tinted, grey) < 0.3 * pixel_loss(lighter, grey)


def test_losses_of_equal_pictures_are_nearly_none(network: LossNetwork) -> None:
    picture = torch.rand(1, 3, 32, 32)
    assert pixel_loss(picture, picture) < 0.002
    assert feature_loss(picture, picture, network) == 0


def test_feature_loss_sends_gradients_to_what_was_made(network: LossNetwork) -> None:
    made = torch.rand(1, 3, 32, 32, requires_grad=True)
    feature_loss(made, torch.rand(1, 3, 32, 32), network).backward()
    assert made.grad is not None
    assert made.grad.abs().sum() > 0


def test_the_sides_of_the_adversarial_game_want_opposite_scores() -> None:
    high, low = torch.full((2, 1, 4, 4), 3.0), torch.full((2, 1, 4, 4), -3.0)
    assert discriminator_loss(real=high, made=low) < discriminator_loss(real=low, made=high)
    assert generator_loss(real=high, made=low) > generator_loss(real=low, made=high)


def test_the_discriminator_scores_pieces() -> None:
    assert Discriminator()(torch.rand(2, 3, 96, 96)).shape == (2, 1, 12, 12)


def test_the_scale_of_another_loss_network_does_not_matter(network: LossNetwork) -> None:
    one = copy.deepcopy(network)
    one.original_scale = False
    other = copy.deepcopy(one)
    other.convs["relu2_2"].weight.mul_(0.01)
    other.convs["relu2_2"].bias.mul_(0.01)
    made, original = torch.rand(2, 1, 3, 32, 32)
    losses = [feature_loss(made, original, network).item() for network in (one, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] > 0


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step."""
    folder = tmp_path_factory.mktemp("sr")
    picture = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    (folder / "pictures").mkdir()
    cv2.imwrite(str(folder / "pictures" / "a.png"), picture)
    config = SrConfig(pictures=str(folder / "pictures"), scale=3, width=8, depth=1, steps=1, batch=1, patch=12)
    sr_trainer(folder / "run", config, ALONE).run(lambda _: None)
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
    assert np.abs(made.astype(int) - paint(net, picture, None)).max() <= 1


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

    monkeypatch.setattr(export, "net_from_network", of_other_weights)
    with pytest.raises(BackendError, match="differs from PyTorch"):
        export_sr(run_folder, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"has no checkpoint\.pt"):
        export_sr(tmp_path, tmp_path)
