from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engines.library import DEFAULT_NET, Library, shipped_folder
from engines.net_file import write_net
from tests.engines.nets import add_net, add_style, identity_net, tint_net, vector
from tests.rtstyle.command import refused, run


@pytest.fixture
def home() -> Path:
    """The user's folder: net tint with styles red and green, and net same, which is a style by itself."""
    folder = Path(os.environ["RTSTYLE_HOME"])
    net = tint_net()
    add_net(folder, net)
    add_style(folder, net, "red", vector(50, 0, 0))
    add_style(folder, net, "green", vector(0, 50, 0))
    add_net(folder, identity_net())
    add_net(folder, identity_net(name="large", scale=2))
    return folder


@pytest.mark.usefixtures("home")
def test_list_is_a_table_of_all_styles_of_all_nets() -> None:
    lines = run("styles", "list").stdout.splitlines()
    assert lines[0].split() == ["name", "title", "artist", "year", "net"]
    names = [line.split()[0] for line in lines[1:]]
    shipped = list(Library(shipped_folder()).styles(DEFAULT_NET))
    assert names[: len(shipped)] == shipped
    assert {"red", "green", "same"} <= set(names)
    assert "large" not in names  # it paints nothing
    (red,) = [line for line in lines if line.startswith("red ")]
    assert [part.strip() for part in red.split("  ") if part] == ["red", "The red", "A. Painter", "1901", "tint"]
    starts = {line.index("tint") for line in lines if line.endswith(" tint")}
    assert len(starts) == 1  # columns stand below each other


def test_a_style_of_two_nets_is_one_line_and_two_rows_for_machines(home: Path) -> None:
    small = tint_net(name="tint-small")
    add_net(home, small)
    add_style(home, small, "red", vector(50, 0, 0))
    (red,) = [line for line in run("styles", "list").stdout.splitlines() if line.startswith("red ")]
    assert red.endswith("tint, tint-small")
    rows = json.loads(run("styles", "list", "--json").stdout)
    assert [row["net"] for row in rows if row["name"] == "red"] == ["tint", "tint-small"]


@pytest.mark.usefixtures("home")
def test_list_of_one_net() -> None:
    rows = json.loads(run("styles", "list", "--net", "tint", "--json").stdout)
    assert [row["name"] for row in rows] == ["green", "red"]
    assert rows[1] == {"name": "red", "title": "The red", "artist": "A. Painter", "year": "1901", "net": "tint"}


def test_a_broken_net_of_the_users_is_left_out_with_a_notice(home: Path) -> None:
    (home / "broken.onnx").write_bytes(b"text")
    done = run("styles", "list", "--json")
    assert "red" in [row["name"] for row in json.loads(done.stdout)]
    assert "net broken is left out" in done.stderr
    assert "expected an ONNX file" in refused("styles", "list", "--net", "broken")


@pytest.mark.usefixtures("home")
def test_an_unknown_net_suggests_the_nearest() -> None:
    assert "did you mean tint?" in refused("styles", "list", "--net", "tin")


def test_show_tells_all_of_a_style(home: Path) -> None:
    facts = json.loads(run("styles", "show", "red", "--json").stdout)
    assert facts["style"] == "red"
    assert (facts["title"], facts["artist"], facts["year"]) == ("The red", "A. Painter", "1901")
    assert (facts["licence"], facts["net"], facts["numbers"]) == ("public domain", "tint", 3)
    assert facts["net_digest"] == tint_net().digest
    assert facts["path"] == str(home / "tint" / "red.safetensors")
    text = run("styles", "show", "red").stdout
    for value in facts.values():
        assert str(value) in text or value == ""


@pytest.mark.usefixtures("home")
def test_show_tells_all_of_a_net() -> None:
    facts = json.loads(run("styles", "show", "tint", "--json").stdout)
    assert (facts["net"], facts["kind"], facts["style_length"], facts["scale"]) == ("tint", "style", 3, 1)
    assert facts["styles"] == ["green", "red"]
    assert facts["digest"] == tint_net().digest
    assert "green, red" in run("styles", "show", "tint").stdout
    assert json.loads(run("styles", "show", "large", "--json").stdout)["scale"] == 2


def test_show_takes_files(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "else.onnx"
    write_net(path, identity_net())
    assert json.loads(run("styles", "show", path, "--json").stdout)["net"] == "same"
    style = home / "tint" / "green.safetensors"
    assert json.loads(run("styles", "show", style, "--json").stdout)["style"] == "green"


def test_a_net_that_is_called_like_a_style_is_shown_with_its_net_named(home: Path) -> None:
    add_net(home, identity_net(name="udnie"))
    assert "style" in json.loads(run("styles", "show", "udnie", "--json").stdout)
    assert json.loads(run("styles", "show", "udnie", "--net", "udnie", "--json").stdout)["kind"] == "style"


@pytest.mark.usefixtures("home")
def test_an_unknown_name_suggests_the_nearest() -> None:
    assert "no style and no net is called 'udine', did you mean udnie?" in refused("styles", "show", "udine")
    assert "did you mean red?" in refused("styles", "show", "rad", "--net", "tint")


def test_every_command_explains_itself_with_an_example() -> None:
    for command in ("list", "show", "sheet", "import"):
        assert f"Example: rtstyle styles {command}" in run("styles", command, "--help").stdout
