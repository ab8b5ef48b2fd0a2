from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from engines.errors import BadInputError, NetFileError, StyleFileError
from engines.library import DEFAULT_NET, DEFAULT_SR_MODE, Library, shipped_folder, upscaler, upscalers, user_folder
from engines.net_file import write_net
from tests.engines.nets import add_net, add_style, identity_net, tint_net, vector


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """Net `tint` with styles red and green, and net `same` without styles."""
    folder = tmp_path / "shipped"
    net = tint_net()
    add_net(folder, net)
    add_style(folder, net, "red", vector(50, 0, 0))
    add_style(folder, net, "green", vector(0, 50, 0))
    add_net(folder, identity_net())
    return folder


def test_the_user_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTSTYLE_HOME", str(tmp_path / "mine"))
    assert user_folder() == tmp_path / "mine"
    monkeypatch.delenv("RTSTYLE_HOME")
    assert user_folder().name == "rtstyle"


def test_without_a_user_folder_the_shipped_nets_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTSTYLE_HOME", "/does/not/exist")
    library = Library()
    assert next(iter(library.nets())) == DEFAULT_NET
    assert library.nets()[DEFAULT_NET] == shipped_folder() / f"{DEFAULT_NET}.onnx"
    assert "udnie" in library.styles(DEFAULT_NET)


def test_the_users_own_come_before_shipped_ones_of_the_same_name(shipped: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    net = tint_net()
    add_style(mine, net, "red", vector(99, 0, 0))
    add_style(mine, net, "blue", vector(0, 0, 99))
    add_net(mine, identity_net(size_multiple=8))
    library = Library(mine, shipped)
    assert list(library.styles("tint")) == ["blue", "green", "red"]
    assert library.style("red", net).vector[0] == 99
    assert library.style("green", net).vector[1] == 50
    assert library.net("same").spec.size_multiple == 8
    assert library.net("tint").digest == net.digest


def test_an_own_net_of_a_shipped_name_has_its_own_styles_alone(shipped: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    own = tint_net(size_multiple=4)
    add_net(mine, own)
    add_style(mine, own, "blue", vector(0, 0, 99))
    library = Library(mine, shipped)
    assert list(library.styles("tint")) == ["blue"]
    assert list(library.styles_of(library.net("tint"))) == ["blue"]
    assert library.nets_with(["red"]) == []


def test_a_net_that_is_named_by_its_path_has_the_styles_beside_it(shipped: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    own = tint_net(size_multiple=4)
    add_style(elsewhere, own, "red", vector(7, 0, 0))
    path = add_net(elsewhere, own).rename(elsewhere / "renamed.onnx")
    library = Library(tmp_path / "mine", shipped)
    net = library.net(str(path))
    assert list(library.styles_of(net)) == ["red"]
    assert library.style("red", net).vector[0] == 7
    assert library.folder_for_styles(net) == elsewhere / "tint"
    copy = library.net(str(shutil.copy(shipped / "tint.onnx", tmp_path)))
    assert list(library.styles_of(copy)) == ["green", "red"]
    assert library.style("red", copy).vector[0] == 50


def test_styles_for_a_shipped_net_go_into_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTSTYLE_HOME", str(tmp_path / "mine"))
    library = Library()
    assert library.folder_for_styles(library.net(DEFAULT_NET)) == tmp_path / "mine" / DEFAULT_NET
    (tmp_path / "mine").mkdir()
    shutil.copy(shipped_folder() / "micro.onnx", tmp_path / "mine")
    assert library.folder_for_styles(library.net("micro")) == tmp_path / "mine" / "micro"


def test_a_file_that_is_copied_in_is_found_at_once_and_one_that_changes_is_read_anew(
    shipped: Path, tmp_path: Path
) -> None:
    library = Library(tmp_path / "mine", shipped)
    assert library.net("same").spec.size_multiple == 1
    path = add_net(tmp_path / "mine", identity_net(size_multiple=2))
    assert library.net("same").spec.size_multiple == 2
    write_net(path, identity_net(size_multiple=4))
    os.utime(path, ns=(1, 1))
    assert library.net("same").spec.size_multiple == 4


def test_wrong_names_suggest_the_nearest(shipped: Path) -> None:
    library = Library(shipped)
    with pytest.raises(BadInputError, match="no net is called 'tin', did you mean tint"):
        library.net("tin")
    with pytest.raises(BadInputError, match="net tint has no style called 'rad', did you mean red"):
        library.style("rad", library.net("tint"))
    with pytest.raises(BadInputError, match="no style is called 'gren', did you mean green"):
        library.net_of("gren")
    with pytest.raises(BadInputError, match="no style is called 'xyzzy'; there are: green, red, same"):
        library.net_of("xyzzy")


def test_the_nets_that_have_all_of_some_styles_the_default_first(shipped: Path) -> None:
    for name in ("another", "fast"):
        net = tint_net(name=name)
        add_net(shipped, net)
        add_style(shipped, net, "red", vector(1, 0, 0))
    library = Library(shipped)
    assert library.nets_with(["red"]) == ["fast", "another", "tint"]
    assert library.nets_with(["red", "green"]) == ["tint"]
    assert library.nets_with(["blue"]) == library.nets_with([str(shipped / "tint" / "red.safetensors")]) == []


def test_an_empty_library_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no net is called 'fast', there are none"):
        Library(tmp_path).net("fast")


def test_the_net_of_a_style_name_a_net_name_and_of_their_files(shipped: Path) -> None:
    library = Library(shipped)
    assert library.net_of("red").spec.name == "tint"
    assert library.net_of("same").spec.name == "same"
    assert library.net_of(str(shipped / "tint" / "red.safetensors")).spec.name == "tint"
    assert library.net_of(str(shipped / "same.onnx")).spec.name == "same"


def test_files_are_found_by_relative_paths(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shipped)
    library = Library(shipped)
    for path in ("same.onnx", "./same.onnx"):
        assert library.net(path).spec.name == "same"
        assert library.net_of(path).spec.name == "same"
    assert library.style("./tint/red.safetensors", library.net("tint")).name == "red"


def test_a_style_file_of_a_net_that_is_not_here_is_refused(shipped: Path, tmp_path: Path) -> None:
    other = add_style(tmp_path / "other", tint_net(size_multiple=2), "red", vector(1, 2, 3))
    with pytest.raises(StyleFileError, match="which is not here: pass it with --net"):
        Library(shipped).net_of(str(other))


def test_a_style_of_another_net_in_the_nets_folder_is_refused(shipped: Path) -> None:
    add_style(shipped, tint_net(size_multiple=2), "red", vector(1, 2, 3))
    library = Library(shipped)
    with pytest.raises(StyleFileError, match="style red was made for net tint"):
        library.style("red", library.net("tint"))


def test_a_file_that_is_not_what_its_name_says_is_refused(shipped: Path) -> None:
    shutil.copy(shipped / "same.onnx", shipped / "wonder.onnx")
    shutil.copy(shipped / "tint" / "red.safetensors", shipped / "tint" / "blue.safetensors")
    library = Library(shipped)
    with pytest.raises(NetFileError, match=r"the file holds net 'same': name it same\.onnx"):
        library.net("wonder")
    with pytest.raises(StyleFileError, match=r"the file holds style 'red': name it red\.safetensors"):
        library.style("blue", library.net("tint"))


@pytest.mark.parametrize("name", ["a/\0b", "nowhere/a.onnx", "\udcff/a", "/" + "x" * 5000, "..", "../..", "", "."])
def test_names_that_are_no_names_are_bad_input(shipped: Path, name: str) -> None:
    library = Library(shipped)
    for ask in (library.net, library.net_of, lambda name: library.style(name, library.net("tint"))):
        with pytest.raises(BadInputError):
            ask(name)


def test_a_style_read_by_name_is_whole(shipped: Path) -> None:
    library = Library(shipped)
    style = library.style("green", library.net("tint"))
    assert np.array_equal(style.vector, vector(0, 50, 0))
    assert (style.title, style.artist, style.year) == ("The green", "A. Painter", "1901")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    for scale, mode in ((4, "perceptual"), (2, "perceptual"), (4, "fidelity")):
        add_net(tmp_path, identity_net(name=f"sr{scale}-{mode}", scale=scale))
    add_net(tmp_path, tint_net(name="fast"))
    return Library(tmp_path)


def test_upscalers_are_found_by_their_names_and_sorted_by_scale(library: Library) -> None:
    assert list(upscalers(library)) == ["sr2-perceptual", "sr4-fidelity", "sr4-perceptual"]


def test_a_scale_alone_gives_the_default_mode(library: Library) -> None:
    assert upscaler(4, library=library).spec.name == f"sr4-{DEFAULT_SR_MODE}"


def test_a_mode_can_be_chosen(library: Library) -> None:
    assert upscaler(4, "fidelity", library=library).spec.name == "sr4-fidelity"


@pytest.mark.parametrize(("scale", "mode"), [(3, None), (2, "fidelity"), (-4, None)])
def test_what_is_not_there_is_an_error_that_says_what_is(library: Library, scale: int, mode: str | None) -> None:
    with pytest.raises(BadInputError, match=r"there are: 2 \(perceptual\), 4 \(fidelity\), 4 \(perceptual\)"):
        upscaler(scale, mode, library=library)


def test_an_unknown_mode_is_refused(library: Library) -> None:
    with pytest.raises(BadInputError, match="fidelity, perceptual"):
        upscaler(4, "pretty", library=library)


def test_a_net_of_another_scale_under_that_name_is_refused(tmp_path: Path) -> None:
    add_net(tmp_path, identity_net(name="sr3-perceptual", scale=2))
    with pytest.raises(BadInputError, match="enlarges 3 times, this one does 2"):
        upscaler(3, library=Library(tmp_path))
