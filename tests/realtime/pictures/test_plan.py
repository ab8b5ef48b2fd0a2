from __future__ import annotations

import re
from pathlib import Path

import pytest
from realtime.pictures.write import plan_pictures

from engines.errors import BadInputError
from rtstyle.commands.options import error_text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures by name only: nothing of them is read here."""
    for name in ("in/b.jpg", "in/a.PNG", "in/scan.tif", "in/notes.txt", "in/.hidden.jpg", "in/deep/er/c.webp"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def _targets(folder: Path, *inputs: str, out: str, recursive: bool = False, wanted: str | None = None) -> list[str]:
    tasks = plan_pictures(
        [str(folder / text) for text in inputs], str(folder / out), recursive=recursive, file_format=wanted
    )
    return [task.target.relative_to(folder).as_posix() for task in tasks if task.target is not None]


def test_one_file_goes_to_a_file_or_into_a_folder_that_exists(folder: Path) -> None:
    (folder / "out").mkdir()
    assert _targets(folder, "in/b.jpg", out="new.webp") == ["new.webp"]
    assert _targets(folder, "in/b.jpg", out="out") == ["out/b.jpg"]
    assert plan_pictures([str(folder / "in/b.jpg")], f"{folder}/new/")[0].target == folder / "new" / "b.jpg"


def test_a_folder_gives_its_pictures_with_their_names(folder: Path) -> None:
    assert _targets(folder, "in", out="out") == ["out/a.PNG", "out/b.jpg", "out/scan.png"]


def test_recursive_keeps_the_folders(folder: Path) -> None:
    targets = _targets(folder, "in", out="out", recursive=True)
    assert targets == ["out/a.PNG", "out/b.jpg", "out/deep/er/c.webp", "out/scan.png"]


def test_a_format_changes_the_endings(folder: Path) -> None:
    assert _targets(folder, "in", out="out", wanted="jpeg") == ["out/a.jpg", "out/b.jpg", "out/scan.jpg"]


def test_results_within_the_input_are_not_painted_again(folder: Path) -> None:
    (folder / "in/deep/out").mkdir()
    (folder / "in/deep/out/b.jpg").touch()
    targets = _targets(folder, "in", out="in/deep/out", recursive=True)
    assert "in/deep/out/b.jpg" in targets
    assert not [target for target in targets if target.startswith("in/deep/out/deep/out")]


def test_stdin_and_stdout(folder: Path) -> None:
    (task,) = plan_pictures(["-"], "-")
    assert (task.source, task.target, task.file_format, task.name) == (None, None, "png", "stdin")
    (task,) = plan_pictures(["-"], str(folder / "new.jpg"))
    assert (task.target, task.file_format) == (folder / "new.jpg", "jpeg")
    assert plan_pictures([str(folder / "in/b.jpg")], "-", file_format="webp")[0].file_format == "webp"


@pytest.mark.parametrize(
    ("inputs", "out", "options", "reason"),
    [
        (["in/a.PNG", "in/b.jpg"], "in/notes.txt", {}, "is a file"),
        (["in/b.jpg"], "new.gif", {}, "ends in .jpg, .png, .webp"),
        (["in/b.jpg"], "new.png", {"file_format": "jpeg"}, "says png, --format says jpeg"),
        (["in/deep"], "out", {}, "no pictures in this folder: --recursive"),
        (["in/b.jpg", "in/deep/../b.jpg"], "out", {}, "would both become"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    folder: Path, inputs: list[str], out: str, options: dict[str, str], reason: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        plan_pictures([str(folder / text) for text in inputs], str(folder / out), **options)  # type: ignore[arg-type]
    assert re.search(reason, error_text(caught.value))


def test_stdout_takes_one_picture_and_stdin_has_no_name(folder: Path) -> None:
    with pytest.raises(BadInputError, match="only one picture"):
        plan_pictures([str(folder / "in")], "-")
    with pytest.raises(BadInputError, match="has no name"):
        plan_pictures(["-", str(folder / "in")], str(folder / "out"))


@pytest.mark.parametrize("out", ["a.jpg", "./a.jpg"])
def test_an_original_is_never_painted_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").touch()
    with pytest.raises(BadInputError, match="would overwrite the input"):
        plan_pictures(["a.jpg"], out)
    with pytest.raises(BadInputError, match="would overwrite the input"):
        plan_pictures([str(tmp_path)], ".")


def test_several_pictures_do_not_go_into_what_looks_like_a_file(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(BadInputError, match="looks like a file"):
        plan_pictures([str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")], str(tmp_path / "o.jpg"))
