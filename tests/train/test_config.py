from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines.errors import BadInputError
from train.checkpoint import check_options, forget
from train.config import BankConfig, StyleConfig


def _config(**changes: object) -> BankConfig:
    return BankConfig(**{"content": "photos", "styles": "paintings", **changes})


def test_a_saved_config_comes_back_equal(tmp_path: Path) -> None:
    config = _config(steps=7, learning_rate=0.5, net="micro")
    config.save(tmp_path / "c.json")
    assert BankConfig.load(tmp_path / "c.json") == config


def test_a_config_of_an_older_version_has_the_defaults_of_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"content": "a", "styles": "b", "steps": 5}')
    assert BankConfig.load(tmp_path / "c.json") == BankConfig(content="a", styles="b", steps=5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"content": "a", "styles": "b", "stepps": 5}', "did you mean steps"),
        ('{"content": "a", "styles": "b", "steps": "5"}', "expected steps as int"),
        ('{"content": "a", "styles": "b", "steps": true}', "expected steps as int"),
        ('{"content": "a"}', "styles"),
        ("[1]", "expected a training config"),
        ("{", "expected a training config"),
    ],
)
def test_a_wrong_config_file_says_what_is_wrong(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(BadInputError, match=reason):
        BankConfig.load(tmp_path / "c.json")


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"size": 100},
        {"batch": -1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"style_weight": -1.0},
        {"net": "slow"},
        {"loss_network": "vgg11"},
        {"precision": "f16"},
    ],
)
def test_impossible_values_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadInputError):
        _config(**change)


def test_a_run_may_be_resumed_with_other_steps_but_not_with_another_net(tmp_path: Path) -> None:
    check_options(tmp_path, _config())  # nothing there yet
    _config().save(tmp_path / "config.json")
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    check_options(tmp_path, _config(steps=9, sample_every=3))
    with pytest.raises(BadInputError, match="net fast, now net is micro"):
        check_options(tmp_path, _config(net="micro"))


def test_a_style_run_is_not_resumed_for_another_painting(tmp_path: Path) -> None:
    StyleConfig(content="c", painting="one.jpg", name="x").save(tmp_path / "config.json")
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    with pytest.raises(BadInputError, match=r"painting one\.jpg, now painting is other\.jpg"):
        check_options(tmp_path, StyleConfig(content="c", painting="other.jpg", name="x"))


def test_forgetting_a_run_leaves_what_is_not_of_it(tmp_path: Path) -> None:
    _config().save(tmp_path / "config.json")
    for name in ("checkpoint.pt", "log.jsonl", "samples-000001.png", "mine.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "tensorboard").mkdir()
    forget(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    forget(tmp_path / "nowhere")


def test_the_config_file_is_plain_json(tmp_path: Path) -> None:
    _config().save(tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text())["styles"] == "paintings"
