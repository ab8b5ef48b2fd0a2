from __future__ import annotations

import subprocess
import sys

import pytest


def _rtstyle(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "rtstyle", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["video"], "Missing argument"),
        (["video", "--foo"], "--foo"),
        (["vide", "a", "b"], "video"),
        (["styles", "lst"], "list"),
        (["cam", "--frames", "many"], "--frames"),
        (["image", "a.jpg", "b.jpg", "--strength", "strong"], "--strength"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(arguments: list[str], text: str) -> None:
    done = _rtstyle(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("rtstyle: ")
    assert text in done.stderr
    assert "--help" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["styles"], ["train"], ["engines"], ["bench"]])
def test_a_group_alone_shows_its_help(arguments: list[str]) -> None:
    done = _rtstyle(*arguments)
    assert done.returncode == 2
    assert "Commands:" in done.stdout + done.stderr


def test_version_is_shown() -> None:
    done = _rtstyle("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "rtstyle")
