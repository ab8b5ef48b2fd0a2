"""Checkpoints of pytorch/examples fast_neural_style become net files that paint the same."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")

from engines.backends import open_engine, reports  # noqa: E402
from engines.contract import EngineOptions, Picture  # noqa: E402
from engines.errors import BadInputError  # noqa: E402
from engines.import_onnx import probe_picture  # noqa: E402
from engines.net_file import NetFile  # noqa: E402
from tests.conftest import shared  # noqa: E402
from tests.train.transformer_net import TransformerNet, random_net, with_stale_statistics  # noqa: E402
from train.import_checkpoint import net_from_checkpoint, plain_from_weights, weights_from_checkpoint  # noqa: E402


def _saved(folder: Path, content: object, **options: Any) -> Path:
    path = folder / "candy.pth"
    torch.save(content, path, **options)
    return path


def _original(net: TransformerNet, frame: Picture) -> Picture:
    with torch.no_grad():
        planes = net(torch.from_numpy(frame).permute(2, 0, 1)[None].float())
    picture: Picture = planes.clamp(0, 255).round()[0].permute(1, 2, 0).to(torch.uint8).numpy()
    return picture


def _painted(net: NetFile, frame: Picture, backend: str) -> Picture:
    size = (frame.shape[1], frame.shape[0])
    with open_engine(net, size, backend=backend, options=EngineOptions(precision="f32")) as engine:
        engine.submit(frame)
        return engine.collect()


def _same(net: NetFile, original: TransformerNet, frame: Picture) -> None:
    expected = _original(original, frame)
    assert expected.std() > 10
    for report in reports():
        if report.usable:
            assert np.abs(_painted(net, frame, report.name).astype(int) - expected).max() <= 1, report.name


@pytest.mark.parametrize("stale", [False, True], ids=["today", "old"])
@pytest.mark.parametrize("width", [32, 16, 8, 5])
def test_the_net_paints_as_pytorch_does_whatever_its_width(tmp_path: Path, width: int, stale: bool) -> None:
    net = random_net(width, seed=width)
    path = _saved(tmp_path, with_stale_statistics(net) if stale else net.state_dict())
    imported = net_from_checkpoint(path, name="candy")
    assert imported.difference <= 1
    assert imported.net.spec.size_multiple == 4
    assert imported.net.spec.training["width"] == width
    _same(imported.net, net, probe_picture((96, 68)))


def test_stale_statistics_change_nothing(tmp_path: Path) -> None:
    net = random_net(8)
    today = weights_from_checkpoint(_saved(tmp_path, net.state_dict()).read_bytes(), "today")
    old = weights_from_checkpoint(_saved(tmp_path, with_stale_statistics(net)).read_bytes(), "old")
    one, other = (plain_from_weights(weights).SerializeToString(deterministic=True) for weights in (today, old))
    assert one == other


def test_a_real_photo_is_painted_as_pytorch_does(tmp_path: Path) -> None:
    file = sorted(shared("content").glob("*.jpg"))[7]
    photo = np.asarray(cv2.resize(cv2.imread(str(file)), (320, 240))[..., ::-1], np.uint8).copy()
    net = random_net(16)
    _same(net_from_checkpoint(_saved(tmp_path, net.state_dict()), name="candy").net, net, photo)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: {"state_dict": weights},
        lambda weights: {f"module.{key}": value for key, value in weights.items()},
        lambda weights: {key: value.double() for key, value in weights.items()},
    ],
    ids=["nested", "data parallel", "double"],
)
def test_other_ways_to_save_the_same_weights_are_taken(tmp_path: Path, wrap: Any) -> None:
    weights = random_net(5).state_dict()
    found = weights_from_checkpoint(_saved(tmp_path, wrap(dict(weights))).read_bytes(), "candy")
    assert all(torch.equal(found[key], value) for key, value in weights.items())


def test_files_of_pytorch_before_1_6_are_taken(tmp_path: Path) -> None:
    net = random_net(5)
    path = _saved(tmp_path, with_stale_statistics(net), _use_new_zipfile_serialization=False)
    assert path.read_bytes()[:2] != b"PK"
    assert net_from_checkpoint(path, name="candy").difference <= 1


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.target,))


@pytest.mark.parametrize("form", ["pickle", "zip", "old"])
def test_a_hostile_checkpoint_never_runs(tmp_path: Path, form: str) -> None:
    target = tmp_path / "boom"
    content = {"conv1.conv2d.weight": _Bomb(target)}
    path = tmp_path / "candy.pth"
    if form == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(BadInputError, match="weights and nothing else"):
        net_from_checkpoint(path, name="candy")
    assert not target.exists()
    torch.load(path, weights_only=False) if form != "pickle" else pickle.loads(path.read_bytes())  # noqa: S301
    assert target.exists()  # the bomb is a real one


def _without(key: str) -> Any:
    def change(weights: dict[str, Any]) -> None:
        del weights[key]

    return change


def _with(key: str, value: Any) -> Any:
    def change(weights: dict[str, Any]) -> None:
        weights[key] = value

    return change


def _nan(weights: dict[str, Any]) -> None:
    weights["res3.in2.bias"] = torch.full_like(weights["res3.in2.bias"], float("nan"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without("in3.bias"), "it lacks in3.bias"),
        (_without("deconv3.conv2d.weight"), "it lacks deconv3.conv2d.weight"),
        (_with("fc.weight", torch.zeros(3)), "it also has fc.weight"),
        (_with("conv2.conv2d.weight", torch.zeros(10, 6, 3, 3)), "conv2 with 5 channels in"),
        (_with("conv2.conv2d.weight", torch.zeros(10, 5, 4, 4)), "odd square kernel"),
        (_with("conv2.conv2d.weight", torch.zeros(10)), "odd square kernel"),
        (_with("conv2.conv2d.bias", torch.zeros(11)), "conv2.conv2d.bias with 10 numbers"),
        (_with("in2.weight", torch.zeros(3)), "in2.weight with 10 numbers"),
        (_with("deconv3.conv2d.weight", torch.zeros(4, 5, 9, 9)), "deconv3.conv2d.bias with 4 numbers"),
        (_with("conv1.conv2d.weight", "text"), "a state dict of tensors"),
        (_nan, "res3.in2.bias holds NaN"),
    ],
)
def test_weights_that_are_not_such_a_net_are_refused(tmp_path: Path, change: Any, said: str) -> None:
    weights = dict(random_net(5).state_dict())
    change(weights)
    with pytest.raises(BadInputError, match=said):
        net_from_checkpoint(_saved(tmp_path, weights), name="candy")


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2], {}, {"state_dict": {"a": torch.zeros(1)}}], ids=repr)
def test_other_content_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(BadInputError, match=r"expected a (state dict|TransformerNet)"):
        net_from_checkpoint(_saved(tmp_path, content), name="candy")


def test_a_truncated_checkpoint_is_refused_wherever_it_ends() -> None:
    buffer = io.BytesIO()
    torch.save(random_net(2).state_dict(), buffer)
    content = buffer.getvalue()
    for length in range(0, len(content), len(content) // 25):
        with pytest.raises(BadInputError):
            weights_from_checkpoint(content[:length], "candy")


def test_the_graph_is_valid_onnx() -> None:
    weights = {key: value.float() for key, value in random_net(3).state_dict().items()}
    onnx.checker.check_model(plain_from_weights(weights), full_check=True)
