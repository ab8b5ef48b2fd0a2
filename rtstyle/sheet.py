"""One photo in every style of a net, as a labelled grid."""

from __future__ import annotations

import io
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from engines.atomic import read_whole
from engines.backends import AUTO, open_engine
from engines.cache import cache_folder
from engines.contract import SMALLEST_SIDE, EngineOptions, Picture
from engines.errors import BadInputError
from engines.library import Library
from engines.net_file import NetFile

__all__ = ["Cell", "best_columns", "cells_of_net", "check_format", "draw_sheet", "encoded", "photo_of_width"]

_LARGEST = 256 * 2**20
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_GROUND, _INK, _FAINT = (24, 25, 28), (240, 238, 232), (156, 156, 160)
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_WIDE = 1.5
"""Width over height that a sheet comes near where the columns are not given."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One picture of a sheet, uint8 `(h, w, 3)` RGB, all of one size, and the two lines below it."""

    picture: Picture
    name: str
    credit: str = ""


def photo_of_width(path: Path, width: int) -> Picture:
    """A photo scaled to `width`, upright, without transparency (over white). Raises BadInputError."""
    content = read_whole(path, largest=_LARGEST)
    try:
        with Image.open(io.BytesIO(content)) as image:
            upright = ImageOps.exif_transpose(image).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInputError(f"{path}: expected a picture, it cannot be read as one: {error}") from error
    height = round(upright.height * width / upright.width)
    if not SMALLEST_SIDE <= height <= 8 * width:
        raise BadInputError(f"{path}: {upright.width}x{upright.height} is too narrow for a sheet: crop it first")
    flat = Image.new("RGBA", upright.size, "white")
    flat.alpha_composite(upright)
    return np.asarray(flat.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), np.uint8)


def cells_of_net(net: NetFile, photo: Picture, library: Library, *, backend: str = AUTO) -> list[Cell]:
    """The photo in all styles of a net, in the order of their names; one cell for a net that has no styles."""
    if net.spec.kind != "style":
        raise BadInputError(f"net {net.spec.name} is for {net.spec.kind}, expected one that paints")
    size = (photo.shape[1], photo.shape[0])
    styles = [library.style(name, net) for name in library.styles_of(net)] if net.spec.style_length else []
    if net.spec.style_length and not styles:
        raise BadInputError(f"net {net.spec.name} has no styles yet: train one, or choose another with --net")
    cells = []
    with open_engine(net, size, backend=backend, options=EngineOptions(cache=cache_folder(), depth=1)) as engine:
        for style in styles:
            engine.submit(photo, style.vector)
            credit = ", ".join(part for part in (style.artist, style.year) if part)
            cells.append(Cell(picture=engine.collect(), name=style.name, credit=credit))
        if not styles:
            engine.submit(photo)
            cells.append(Cell(picture=engine.collect(), name=net.spec.name))
    return cells


def best_columns(count: int, aspect: float) -> int:
    """Columns for `count` pictures of width / height `aspect`: a sheet a little wider than high, with few gaps."""

    def cost(columns: int) -> float:
        rows = math.ceil(count / columns)
        return abs(math.log(columns * aspect / rows / _WIDE)) + 2 * (columns * rows - count) / count

    return min(range(1, count + 1), key=cost)


def draw_sheet(cells: Sequence[Cell], columns: int | None = None) -> Picture:
    """Cells row by row, each over its name and credit. Returns uint8 `(h, w, 3)` RGB."""
    height, width = cells[0].picture.shape[:2]
    letters = max(11, round(width / 18))
    large, small = (ImageFont.load_default(size) for size in (letters, max(10, round(letters * 0.75))))
    gap, margin, label = max(8, width // 20), max(12, width // 12), round(letters * 2.6)
    columns = min(len(cells), columns or best_columns(len(cells), width / (height + label)))
    rows = math.ceil(len(cells) / columns)
    sheet_size = (2 * margin + columns * (width + gap) - gap, 2 * margin + rows * (height + label + gap) - gap)
    sheet = Image.new("RGB", sheet_size, _GROUND)
    draw = ImageDraw.Draw(sheet)
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        left, top = margin + column * (width + gap), margin + row * (height + label + gap)
        sheet.paste(Image.fromarray(cell.picture), (left, top))
        below = top + height + round(letters * 0.35)
        draw.text((left, below), _fitted(cell.name, large, width), _INK, large)
        draw.text((left, below + round(letters * 1.25)), _fitted(cell.credit, small, width), _FAINT, small)
    return np.asarray(sheet)


def check_format(path: Path) -> str:
    """The format of the file's suffix, in Pillow's words. Raises BadInputError for any but PNG and JPEG."""
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        raise BadInputError(f"{path}: a sheet is written as {', '.join(_FORMATS)}: choose one of these endings")
    return form


def encoded(picture: Picture, path: Path) -> bytes:
    """A picture in the format of the file's suffix, PNG or JPEG. Raises BadInputError for another."""
    form = check_format(path)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, form, **({"quality": 92} if form == "JPEG" else {"optimize": True}))
    return buffer.getvalue()


def _fitted(text: str, font: _Font, width: int) -> str:
    """The text in letters that the font has, or as much of its beginning as fits, with an ellipsis."""
    text = "".join(_drawable(letter, font) for letter in unicodedata.normalize("NFC", text))
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text.rstrip() + "..." if text else ""


def _drawable(letter: str, font: _Font) -> str:
    """The letter, or where the font has only an empty box for it, the letter without its accents."""
    if not _is_box(letter, font):
        return letter
    bare = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
    return "".join(part if not _is_box(part, font) else "?" for part in bare)


def _is_box(letter: str, font: _Font) -> bool:
    return bytes(font.getmask(letter)) == bytes(font.getmask("\uffff"))
