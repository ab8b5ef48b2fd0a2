import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from engines.net_file import read_net


def _train(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rtstyle", "train", "sr", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_run_is_trained_exported_and_resumed(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    cv2.imwrite(str(pictures / "a.png"), np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8))
    small = ("--width", 8, "--depth", 1, "--batch", 1, "--patch", 12, "--threads", 1, "--json")
    done = _train("--pictures", pictures, "--scale", 2, "--out", tmp_path / "run", "--steps", 2, *map(str, small))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["steps"] == 2
    net = read_net(told["net"])
    assert (net.spec.name, net.spec.scale) == ("sr2-fidelity", 2)

    done = _train("--out", tmp_path / "run", "--steps", 3, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == 3
    assert "resumes" in done.stderr


def test_wrong_options_are_one_line_and_exit_2(tmp_path: Path) -> None:
    for arguments, words in (
        (("--out", tmp_path), "expected --pictures FOLDER"),
        (("--out", tmp_path, "--pictures", tmp_path, "--scale", 5), "enlarges by one of 2, 3, 4"),
    ):
        done = _train(*map(str, arguments))
        assert done.returncode == 2
        assert done.stderr.startswith("rtstyle: ")
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
