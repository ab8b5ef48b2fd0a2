"""What is written over the picture in the window, drawn once with Pillow and pasted with two OpenCV calls a frame.

Nothing of it is recorded.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engines.contract import Picture
from realtime.live.controls import HELP

__all__ = ["Notes", "draw"]

_Color = tuple[int, int, int]
_WHITE: _Color = (245, 245, 245)
_RED: _Color = (235, 64, 52)
_DIM: _Color = (176, 180, 188)
_PANEL: _Color = (16, 18, 22)
_PANEL_OPACITY = 190


@dataclass(frozen=True, kw_only=True)
class Notes:
    """What the viewer is to know."""

    style: str
    details: tuple[str, ...] = ()
    """How the style is changed: strength, kept colours."""
    info: str = ""
    """Rate and latency; empty where it is switched off."""
    recording: str = ""
    """How long the recording is by now; empty without one."""
    paused: bool = False
    trouble: str = ""
    """What is wrong with the source."""
    building: str = ""
    """What the CPU paints for in the meantime."""
    message: str = ""
    """What a key press has done, or how a build has ended."""
    help: bool = False
    styles: Sequence[str] = ()
    """Names of all styles, for the help."""


def draw(canvas: Picture, notes: Notes) -> None:
    """Write over a uint8 `(h, w, 3)` BGR picture, in place. The help takes the place of everything else."""
    height, width = canvas.shape[:2]
    size = max(13, min(40, height // 28, width // 34))
    if notes.help:
        sheet = _help(tuple(notes.styles), width, height, size)
        _paste(canvas, sheet, (width - sheet.width) // 2, (height - sheet.height) // 2)
        return
    gap, widest = size // 2, width - size
    bottom = height - gap
    for line in (" / ".join((notes.style, *notes.details)), notes.message, notes.building):
        if line:
            sprite = _label(line, size=size, widest=widest)
            _paste(canvas, sprite, gap, bottom - sprite.height)
            bottom -= sprite.height + size // 3
    if notes.info:
        _paste(canvas, _label(notes.info, size=size, widest=widest), gap, gap)
    right = width - gap
    for flag in (notes.recording, "paused" if notes.paused else ""):
        if flag:
            sprite = _label(flag, size=size, widest=widest, dot=flag == notes.recording)
            right -= sprite.width
            _paste(canvas, sprite, right, gap)
            right -= gap
    if notes.trouble:
        sign = _label(notes.trouble, size=size, widest=widest, color=(255, 190, 120), dot=True)
        _paste(canvas, sign, (width - sign.width) // 2, gap + round(2.2 * size))


def _help(styles: tuple[str, ...], width: int, height: int, size: int) -> _Sprite:
    """The keys, and the styles that have a digit, as large as the picture allows."""
    numbered = tuple((str(number), name) for number, name in enumerate(styles[:9], 1))
    columns = (HELP, numbered) if numbered else (HELP,)
    more = f"{len(styles)} styles, all of one net; another net needs another start" if styles else ""
    while True:
        sheet = _table(columns, size=size, note=more)
        if size <= 9 or (sheet.width <= width and sheet.height <= height):
            return sheet
        size -= 1


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sprite:
    """A small picture with soft edges."""

    ink: NDArray[np.uint8]
    """uint8 `(h, w, 3)` BGR, multiplied by its opacity already."""
    rest: NDArray[np.uint8]
    """uint8 `(h, w, 3)`: how much of what is below shows through, 0 to 255."""

    @property
    def width(self) -> int:
        return int(self.ink.shape[1])

    @property
    def height(self) -> int:
        return int(self.ink.shape[0])


@functools.lru_cache(maxsize=64)
def _label(text: str, *, size: int, widest: int, color: _Color = _WHITE, dot: bool = False) -> _Sprite:
    """One line of `size` pixels on a dark plate, cut with `...` to `widest` pixels; `dot` puts a red disc before it."""
    font = _font(size)
    pad, lead = size // 2, size if dot else 0
    room = widest - 2 * pad - lead
    if font.getlength(text) > room:
        while text and font.getlength(text + "...") > room:
            text = text[:-1]
        text += "..."
    plate, draw = _plate(round(font.getlength(text)) + 2 * pad + lead, round(1.75 * size), size)
    if dot:
        disc = _smooth(round(0.72 * size), round(0.72 * size), radius=round(0.36 * size))
        plate.paste((*_RED, 255), (pad, (plate.height - disc.height) // 2), disc)
    draw.text((pad + lead, plate.height / 2), text, font=font, fill=(*color, 255), anchor="lm")
    return _sprite(plate)


@functools.lru_cache(maxsize=4)
def _table(columns: Sequence[Sequence[tuple[str, str]]], *, size: int, note: str) -> _Sprite:
    """Columns of (key, meaning) lines of `size` pixels, and a note below them, on a dark plate."""
    font, gap, line = _font(size), size, round(1.5 * size)
    firsts = [max(font.getlength(first) for first, _ in column) + gap for column in columns]
    seconds = [max(font.getlength(second) for _, second in column) for column in columns]
    width = sum(firsts) + sum(seconds) + 2 * gap * len(columns)
    height = (max(len(column) for column in columns) + (2 if note else 0)) * line + 2 * gap
    plate, draw = _plate(round(max(width, font.getlength(note) + 2 * gap)), height, size)
    left = float(gap)
    for column, first, second in zip(columns, firsts, seconds, strict=True):
        for row, (key, meaning) in enumerate(column):
            middle = gap + (row + 0.5) * line
            draw.text((left, middle), key, font=font, fill=(255, 206, 92, 255), anchor="lm")
            draw.text((left + first, middle), meaning, font=font, fill=(*_WHITE, 255), anchor="lm")
        left += first + second + 2 * gap
    if note:
        draw.text((gap, height - gap - 0.5 * line), note, font=font, fill=(*_DIM, 255), anchor="lm")
    return _sprite(plate)


def _paste(canvas: Picture, sprite: _Sprite, left: int, top: int) -> None:
    """Lay a sprite over a uint8 `(h, w, 3)` BGR picture, in place; what stands out of it is cut off."""
    height, width = canvas.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(width, left + sprite.width), min(height, top + sprite.height)
    if x0 >= x1 or y0 >= y1:
        return
    rows, columns = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
    below = canvas[y0:y1, x0:x1]
    shown = cv2.multiply(below, sprite.rest[rows, columns], scale=1 / 255)
    canvas[y0:y1, x0:x1] = cv2.add(shown, sprite.ink[rows, columns])


@functools.lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _plate(width: int, height: int, size: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    shape = _smooth(max(1, width), max(1, height), radius=size // 2)
    plate = Image.new("RGBA", shape.size, (*_PANEL, 0))
    plate.putalpha(shape.point([value * _PANEL_OPACITY // 255 for value in range(256)]))
    return plate, ImageDraw.Draw(plate)


def _smooth(width: int, height: int, *, radius: int) -> Image.Image:
    """A rounded rectangle as a mask, drawn four times as large for smooth edges."""
    large = Image.new("L", (4 * width, 4 * height), 0)
    box = (0, 0, 4 * width - 1, 4 * height - 1)
    ImageDraw.Draw(large).rounded_rectangle(box, radius=4 * radius, fill=255)
    return large.resize((width, height), Image.Resampling.BOX)


def _sprite(plate: Image.Image) -> _Sprite:
    rgba = np.asarray(plate)
    opacity = rgba[..., 3:].astype(np.uint16)
    ink = (rgba[..., 2::-1] * opacity // 255).astype(np.uint8)
    rest = np.repeat(255 - rgba[..., 3:], 3, axis=2)
    return _Sprite(ink=np.ascontiguousarray(ink), rest=np.ascontiguousarray(rest))
