"""The project's pages: their size, their links, and that nothing is left out of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image

from rtstyle.cli import app
from tests.docs.pages import PAGES, ROOT, examples

_README = ROOT / "README.md"
_MAP = ROOT / "docs" / "architecture.md"
_MAPPED = (
    "benchmarks",
    "engines",
    "engines/nvidia",
    "realtime",
    "realtime/live",
    "realtime/pictures",
    "realtime/video",
    "train",
    "train/sr",
)
"""Folders whose files the map lists one by one."""
_TEST_COMMAND = 'python3 -m venv .venv && .venv/bin/pip install ".[dev,train]" && .venv/bin/python -m pytest'
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _links(page: Path) -> list[str]:
    found = _LINK.findall(_CODE.sub("", _text(page)))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def _anchors(page: Path) -> set[str]:
    """GitHub's names of the headings: lower case, hyphens for spaces, no punctuation."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", _text(page), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    assert len(_README.read_bytes()) <= 6144


def test_the_readme_has_the_test_command_that_ci_runs() -> None:
    lines = [line for line in _text(_README).splitlines() if "-m pytest" in line]
    assert lines == [_TEST_COMMAND]


def test_the_readme_leads_to_every_page() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in _links(_README)}
    assert not [page.name for page in PAGES if page != _README and page not in linked]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: no {link}"
        assert not anchor or anchor in _anchors(target), f"{page.name}: no heading for {link}"


def test_the_map_names_files_and_folders_that_there_are() -> None:
    named = re.findall(r"`((?:benchmarks|engines|realtime|rtstyle|tests|train)/[\w/]*(?:\.\w+)?)`", _text(_MAP))
    assert len(named) > 50
    assert not [path for path in named if not (ROOT / path).exists()]


def test_the_map_names_every_file_of_a_folder_that_it_lists_by_file() -> None:
    text = _text(_MAP)
    files = [path for folder in _MAPPED for path in (ROOT / folder).glob("*.py")]
    left_out = {path.relative_to(ROOT).as_posix() for path in files if path.name != "__init__.py"}
    assert not sorted(path for path in left_out if f"`{path}`" not in text)


def test_every_picture_is_shown() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in _links(page)}
    assert not [path.name for path in (ROOT / "docs" / "pictures").iterdir() if path not in shown]


def test_the_readmes_picture_moves_and_is_small() -> None:
    path = ROOT / "docs" / "pictures" / "wipe.webp"
    assert path.stat().st_size < 2 * 2**20
    with Image.open(path) as picture:
        assert getattr(picture, "n_frames", 1) > 20


def test_every_block_says_what_it_is() -> None:
    assert not [example.name for example in examples() if example.language not in ("python", "sh", "text")]


def test_every_command_is_described() -> None:
    command: Any = typer.main.get_command(app)
    text = _text(ROOT / "docs" / "command-line.md")
    assert not [name for name in command.commands if f"`rtstyle {name}`" not in text]


def test_every_extra_is_described() -> None:
    section = _text(ROOT / "pyproject.toml").partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    extras = re.findall(r"^([a-z-]+) = ", section, re.MULTILINE)
    assert "train" in extras
    text = "\n".join(map(_text, PAGES))
    assert not [name for name in extras if f"`{name}`" not in text]
