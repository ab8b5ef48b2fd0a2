"""What is written over the picture in the window. Nothing of it is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.contract import Picture
from realtime.live.keys import HELP
from realtime.live.sprites import Sprite, label, paste, table

__all__ = ["Notes", "draw"]


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
        paste(canvas, sheet, (width - sheet.width) // 2, (height - sheet.height) // 2)
        return
    gap, widest = size // 2, width - size
    bottom = height - gap
    for line in (" / ".join((notes.style, *notes.details)), notes.message, notes.building):
        if line:
            sprite = label(line, size=size, widest=widest)
            paste(canvas, sprite, gap, bottom - sprite.height)
            bottom -= sprite.height + size // 3
    if notes.info:
        paste(canvas, label(notes.info, size=size, widest=widest), gap, gap)
    right = width - gap
    for flag in (notes.recording, "paused" if notes.paused else ""):
        if flag:
            sprite = label(flag, size=size, widest=widest, dot=flag == notes.recording)
            right -= sprite.width
            paste(canvas, sprite, right, gap)
            right -= gap
    if notes.trouble:
        sign = label(notes.trouble, size=size, widest=widest, color=(255, 190, 120), dot=True)
        paste(canvas, sign, (width - sign.width) // 2, gap + round(2.2 * size))


def _help(styles: tuple[str, ...], width: int, height: int, size: int) -> Sprite:
    """The keys, and the styles that have a digit, as large as the picture allows."""
    numbered = tuple((str(number), name) for number, name in enumerate(styles[:9], 1))
    columns = (HELP, numbered) if numbered else (HELP,)
    more = f"{len(styles)} styles, all of one net; another net needs another start" if styles else ""
    while True:
        sheet = table(columns, size=size, note=more)
        if size <= 9 or (sheet.width <= width and sheet.height <= height):
            return sheet
        size -= 1
