from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.rtstyle.command import run


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


_ROOMY = {"COLUMNS": "300"}
_PANELS = {
    "cam": ["Source:", "Style and upscaling:", "Engine:", "Output:", "Options:"],
    "image": ["Arguments:", "Style and upscaling:", "Source:", "Output:", "Engine:", "Options:"],
    "video": ["Arguments:", "Style and upscaling:", "Source:", "Output:", "Engine:", "Options:"],
}


@pytest.mark.parametrize("command", _PANELS)
def test_help_begins_with_examples_and_groups_the_options(command: str) -> None:
    lines = run(command, "--help", env=_ROOMY).stdout.splitlines()
    assert [line for line in lines if re.fullmatch(r"[A-Z][a-z ]+:", line)] == _PANELS[command]
    begin = lines.index("  Examples:") + 1
    assert begin < lines.index(_PANELS[command][0])
    examples = lines[begin : lines.index("", begin)]
    assert len(examples) > 1
    offered = {flag for line in lines if line.startswith("  -") for flag in re.findall(r"--[a-z-]+", line[:30])}
    for example in examples:
        assert example.startswith(f"    rtstyle {command} ")
        assert set(re.findall(r"--[a-z-]+", example)) <= offered


def test_an_option_of_the_shared_kinds_stands_under_its_heading() -> None:
    lines = run("video", "--help", env=_ROOMY).stdout.splitlines()
    headings = {}
    heading = ""
    for line in lines:
        heading = line if re.fullmatch(r"[A-Z][a-z ]+:", line) else heading
        headings |= dict.fromkeys(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", line), heading)
    assert headings["--keep-colors"] == headings["--sr"] == "Style and upscaling:"
    assert headings["--precision"] == "Engine:"
    assert headings["--crf"] == "Output:"
    assert headings["--start"] == "Source:"
    assert headings["--json"] == headings["--help"] == "Options:"


def test_help_is_as_wide_as_the_terminal() -> None:
    for columns in (70, 120, 200):
        lines = run("cam", "--help", env={"COLUMNS": str(columns)}).stdout.splitlines()
        assert max(map(len, lines)) <= columns
        assert columns > 120 or max(map(len, lines)) > columns - 20


def test_the_short_flags_say_the_same_as_the_long_ones() -> None:
    for path in ([], ["cam"], ["engines"], ["engines", "build"], ["train", "sr"]):
        assert run(*path, "-h").stdout == run(*path, "--help").stdout
    assert run("-V").stdout == run("--version").stdout
