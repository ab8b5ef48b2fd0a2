import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from train.sr.evaluation import imresize
from train.sr.task import export_sr, sr_trainer

from engines.errors import BadInputError
from train.checkpoint import check_options
from train.config import SrConfig


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


def _finished(folder: Path, config: SrConfig, stop_after: int | None = None) -> sr_trainer:
    run = sr_trainer(folder, config)
    run.resume()
    calls = itertools.count(1)
    finished = run.go(lambda _: None, lambda: stop_after is not None and next(calls) >= stop_after)
    assert finished == (stop_after is None)
    return run


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
    for name, weight in whole.net.state_dict().items():
        torch.testing.assert_close(resumed.net.state_dict()[name], weight, rtol=0, atol=0)
    logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("whole", "parts")]
    assert logs[0] == logs[1]


def test_a_run_learns(pictures: Path, tmp_path: Path) -> None:
    run = _finished(tmp_path, _config(pictures, steps=60, batch=4, learning_rate=3e-3, save_every=60))
    losses = [json.loads(line)["pixel"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    assert run.step == 60


def test_perceptual_adds_a_loss_of_features(pictures: Path, tmp_path: Path) -> None:
    _finished(tmp_path, _config(pictures, mode="perceptual", steps=1))
    line = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    assert line["feature"] > 0
    assert line["adversarial"] == 0


def test_a_run_leaves_its_records_and_measures_its_checks(pictures: Path, tmp_path: Path) -> None:
    for name, picture in (("HR_x2", np.zeros((40, 44, 3), np.uint8)), ("LR_x2", np.zeros((20, 22, 3), np.uint8))):
        (tmp_path / "set" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / name / "a.png"), picture + 9)
    run = _finished(tmp_path / "run", _config(pictures, checks=str(tmp_path / "set")))
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"config.json", "checkpoint.pt", "log.jsonl", "samples-000003.png", "tensorboard"} <= names
    assert run.psnr is not None
    assert run.psnr > 20
    sheet = cv2.imread(str(tmp_path / "run" / "samples-000006.png"))
    assert sheet.shape == (2 * 24, 4 * 24, 3)


def test_perceptual_begins_with_the_weights_of_another_run(pictures: Path, tmp_path: Path) -> None:
    _finished(tmp_path / "first", _config(pictures))
    run = sr_trainer(tmp_path / "second", _config(pictures, start=str(tmp_path / "first" / "checkpoint.pt"), seed=5))
    assert run.resume() is False
    first = torch.load(tmp_path / "first" / "checkpoint.pt", weights_only=True)["net"]
    torch.testing.assert_close(run.net.state_dict()["stem.weight"], first["stem.weight"])


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
        sr_trainer(tmp_path, _config(pictures, patch=64))


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
