from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.contract import Picture
from rtstyle.sheet import Cell, best_columns, draw_sheet
from tests.engines.nets import add_net, add_style, identity_net, tint_net, vector
from tests.rtstyle.command import refused, run

STYLES = {"black": -255.0, "grey": 0.0, "white": 255.0}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """96x64, of one colour, so that what is found in a sheet is certain. The user has net tint with three styles."""
    home = Path(os.environ["RTSTYLE_HOME"])
    net = tint_net()
    add_net(home, net)
    for name, number in STYLES.items():
        add_style(home, net, name, vector(number, number, number))
    add_net(home, identity_net())
    add_net(home, identity_net(name="large", scale=2))
    path = tmp_path / "photo.png"
    Image.new("RGB", (96, 64), (90, 120, 150)).save(path)
    return path


def _read(path: Path) -> Picture:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.uint8)


def _count(sheet: Picture, colour: tuple[int, int, int]) -> int:
    return int((sheet == np.array(colour, np.uint8)).all(2).sum())


def test_a_sheet_shows_the_photo_and_every_style_of_the_net(photo: Path, tmp_path: Path) -> None:
    done = run("styles", "sheet", photo, tmp_path / "sheet.png", "--net", "tint", "--width", "96")
    assert "3 styles of net tint" in done.stderr
    sheet = _read(tmp_path / "sheet.png")
    assert _count(sheet, (90, 120, 150)) == 2 * 96 * 64  # the photo, and `grey`, which adds nothing
    assert _count(sheet, (0, 0, 0)) == 96 * 64
    assert _count(sheet, (255, 255, 255)) == 96 * 64


def test_the_photo_comes_first_and_the_styles_in_the_order_of_their_names(photo: Path, tmp_path: Path) -> None:
    run("styles", "sheet", photo, tmp_path / "sheet.png", "--net", "tint", "--width", "96", "--columns", "4")
    sheet = _read(tmp_path / "sheet.png")
    row = sheet[30]
    places = [np.flatnonzero((row == colour).all(1)) for colour in ((90, 120, 150), (0, 0, 0), (255, 255, 255))]
    assert places[0].min() < places[1].min() < places[0].max() < places[2].min()


def test_columns_and_width_shape_the_sheet(photo: Path, tmp_path: Path) -> None:
    options = ("--net", "tint", "--columns", "2", "--width", "192")
    run("styles", "sheet", photo, tmp_path / "sheet.png", *options)
    flat = Cell(picture=np.zeros((128, 192, 3), np.uint8), name="a")
    assert _read(tmp_path / "sheet.png").shape == draw_sheet([flat] * 4, 2).shape
    sizes = {columns: draw_sheet([flat] * 4, columns).shape for columns in (1, 2, 4, 9)}
    assert sizes[1][0] > sizes[2][0] > sizes[4][0]
    assert sizes[1][1] < sizes[2][1] < sizes[4][1]
    assert sizes[9] == sizes[4]  # no more columns than pictures


def test_a_net_that_is_a_style_itself_gives_two_pictures(photo: Path, tmp_path: Path) -> None:
    done = run("styles", "sheet", photo, tmp_path / "sheet.jpg", "--net", "same", "--width", "96")
    assert "1 style of net same" in done.stderr
    with Image.open(tmp_path / "sheet.jpg") as image:
        assert image.format == "JPEG"


def test_without_a_net_the_shipped_bank_is_shown(photo: Path, tmp_path: Path) -> None:
    run("styles", "sheet", photo, tmp_path / "sheet.png", "--width", "64")
    assert _read(tmp_path / "sheet.png").std() > 10


@pytest.mark.usefixtures("photo")
def test_a_photo_that_lies_on_its_side_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right
    Image.new("RGB", (96, 64), (90, 120, 150)).save(tmp_path / "lying.png", exif=exif)
    run("styles", "sheet", tmp_path / "lying.png", tmp_path / "sheet.png", "--net", "same", "--width", "64")
    assert _count(_read(tmp_path / "sheet.png"), (90, 120, 150)) == 2 * 64 * 96


@pytest.mark.usefixtures("photo")
def test_transparency_is_shown_over_white(tmp_path: Path) -> None:
    Image.new("RGBA", (96, 64), (200, 10, 10, 0)).save(tmp_path / "clear.png")
    run("styles", "sheet", tmp_path / "clear.png", tmp_path / "sheet.png", "--net", "same", "--width", "96")
    assert _count(_read(tmp_path / "sheet.png"), (255, 255, 255)) == 2 * 96 * 64


def test_an_existing_file_is_kept_unless_force_is_given(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    out.write_text("precious")
    assert "use --force" in refused("styles", "sheet", photo, out, "--net", "same")
    assert out.read_text() == "precious"
    run("styles", "sheet", photo, out, "--net", "same", "--force")
    assert _read(out).size


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.png", "{tmp}/a.png"), "nowhere.png: cannot be read"),
        (("{tmp}/text.png", "{tmp}/a.png"), "expected a picture"),
        (("{tmp}", "{tmp}/a.png"), "expected a file"),
        (("{tmp}/photo.png", "{tmp}/a.gif"), "choose one of these endings"),
        (("{tmp}/photo.png", "{tmp}/a.png", "--net", "large"), "is for upscale"),
        (("{tmp}/photo.png", "{tmp}/a.png", "--net", "tin"), "did you mean tint?"),
        (("{tmp}/photo.png", "{tmp}/a.png", "--backend", "openvin"), "did you mean openvino?"),
        (("{tmp}/photo.png", "{tmp}/text.png/a.png", "--net", "same"), "cannot be written"),
        (("{tmp}/line.png", "{tmp}/a.png"), "too narrow"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_writes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    Image.new("RGB", (900, 2)).save(tmp_path / "line.png")
    before = sorted(tmp_path.iterdir())
    assert said in refused("styles", "sheet", *(part.format(tmp=tmp_path) for part in arguments))
    assert sorted(tmp_path.iterdir()) == before


def test_labels_are_drawn_below_each_picture_and_fit() -> None:
    flat = np.full((64, 96, 3), 100, np.uint8)
    plain = draw_sheet([Cell(picture=flat, name="")] * 2, 2)
    short = draw_sheet([Cell(picture=flat, name="udnie", credit="A. Painter")] * 2, 2)
    endless = draw_sheet([Cell(picture=flat, name="w" * 500, credit="w" * 500)] * 2, 2)
    assert plain.shape == short.shape == endless.shape
    for sheet in (short, endless):
        changed = np.argwhere((sheet != plain).any(2))
        assert changed[:, 0].min() > np.argwhere((plain == 100).all(2))[:, 0].max()
    gap = np.argwhere((plain == 100).all(2))[:, 1]
    between = [x for x in range(gap.min(), gap.max()) if x not in set(gap)]
    assert np.array_equal(endless[:, between[1:-1]], plain[:, between[1:-1]])


def test_letters_that_the_font_lacks_lose_their_accents() -> None:
    flat = np.full((64, 320, 3), 100, np.uint8)
    accented = draw_sheet([Cell(picture=flat, name="Fernand Léger", credit="Sakai Hōitsu")])
    bare = draw_sheet([Cell(picture=flat, name="Fernand Leger", credit="Sakai Hoitsu")])
    boxes = draw_sheet([Cell(picture=flat, name="Fernand L\uffffger", credit="Sakai H\uffffitsu")])
    assert not np.array_equal(accented, boxes)
    assert np.abs(accented.astype(int) - bare).mean() < 1


@pytest.mark.parametrize("aspect", [0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 14, 27])
def test_columns_make_a_sheet_that_is_neither_a_strip_nor_full_of_gaps(count: int, aspect: float) -> None:
    columns = best_columns(count, aspect)
    rows = -(-count // columns)
    assert 1 <= columns <= count
    assert columns * rows - count < columns
    if count >= 12:
        assert 0.6 < columns * aspect / rows < 3.5
