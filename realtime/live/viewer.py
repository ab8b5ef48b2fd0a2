"""What the viewer sees: the painted picture, perhaps beside its frame, and what is written on it.

Nothing is decided here: `Controls` has the state, which this draws, and gets all that is done to the window.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engines.contract import Picture
from engines.fallback import BUILDING, HotSwap
from realtime.live.capture import Capture
from realtime.live.controls import HELP, Compare, Controls, Request
from realtime.live.outputs import Display
from realtime.live.window import Window
from realtime.stats import now_ns

__all__ = ["Notes", "Status", "Viewer", "canvas", "draw"]

_LEAST_HEIGHT = 360
_POLL_S = 0.01
_REDRAW_NS = 200_000_000
_INFO_NS = 500_000_000


class Viewer(Display):
    """A display in a window. `work` and `obey` belong to the main thread."""

    def __init__(
        self,
        window: Window,
        controls: Controls,
        status: Status,
        *,
        turn: Callable[[], bool],
        folder: Path = Path(),
        warm_up: int = 0,
    ) -> None:
        """The window stays its owner's to close; the rest is that of `Display`."""
        super().__init__(turn=turn, folder=folder, warm_up=warm_up, wait_s=_POLL_S)
        self._window, self._controls, self._status = window, controls, status
        self._drawn_ns = 0
        self._info, self._info_until_ns = "", 0

    def obey(self, request: Request) -> str | None:
        """Save what is shown, or change between window and full screen."""
        if request is Request.FULL_SCREEN:
            self._window.toggle_full_screen()
        return super().obey(request)

    def _show(self, *, is_new: bool) -> None:
        if is_new or now_ns() - self._drawn_ns > _REDRAW_NS:
            self._draw()
        for event in self._window.poll():
            self._controls.handle(event, now_ns())
            self._drawn_ns = 0  # show at once what it did

    def _draw(self) -> None:
        if self._frame is None:
            return
        state, now = self._controls.state, now_ns()
        if now > self._info_until_ns:
            self._info = f"{self.rate.per_second():.0f} fps   {self.smooth_ms:.0f} ms"
            self._info_until_ns = now + _INFO_NS
        shown = canvas(self._frame.original, self._frame.result, state.compare, state.split)
        draw(shown, self._status.notes(now, info=self._info))
        self._window.show(shown)
        self._drawn_ns = now_ns()


class Status:
    """What is to be said of a run at a moment. Without a window, so that anything can show it."""

    def __init__(
        self,
        controls: Controls,
        capture: Capture,
        *,
        recording_since_ns: Callable[[], int | None],
        hot_swaps: Callable[[], Sequence[HotSwap]],
    ) -> None:
        """hot_swaps: how far engines are that are built while the CPU paints."""
        self._controls, self._capture = controls, capture
        self._recording_since_ns, self._hot_swaps = recording_since_ns, hot_swaps
        self._swaps_told = 0

    def notes(self, at_ns: int, *, info: str = "") -> Notes:
        """`info`: rate and latency, which the viewer may have switched off."""
        building = self._building(at_ns)
        state, styles = self._controls.state, self._controls.styles
        details = []
        if state.strength < 1:
            details.append(f"strength {state.strength:.0%}")
        if state.keep_colors:
            details.append("own colours")
        began_ns = self._recording_since_ns()
        seconds = (at_ns - began_ns) // 1_000_000_000 if began_ns is not None else 0
        return Notes(
            style=styles.names[state.style],
            details=tuple(details),
            info=info if state.info else "",
            recording=f"{seconds // 60}:{seconds % 60:02}" if began_ns is not None else "",
            paused=state.paused,
            trouble=self._capture.trouble_at(at_ns),
            building=building,
            message=state.message if at_ns < state.message_until_ns else "",
            help=state.help,
            styles=styles.names,
        )

    def _building(self, at_ns: int) -> str:
        """The line of an engine that is being built; how a build has ended becomes a message."""
        found = self._hot_swaps()
        ended = [swap for swap in found if swap.state != BUILDING]
        if len(ended) > self._swaps_told:
            self._swaps_told = len(ended)
            self._controls.say(ended[-1].line, at_ns)
        return next((swap.line for swap in found if swap.state == BUILDING), "")


def canvas(original: Picture, painted: Picture, compare: Compare, split: float) -> Picture:
    """A new uint8 `(h, w, 3)` BGR picture for the window, the original to the left where both are shown.

    Both inputs are uint8 `(h, w, 3)` RGB; the original is brought to the size of the painted one (bicubic). Small
    pictures are enlarged, so that text on them can be read.
    """
    if compare is not Compare.OFF and original.shape != painted.shape:
        original = np.asarray(cv2.resize(original, painted.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    if compare is Compare.SIDE:
        shown = np.concatenate((original, painted), axis=1)
    elif compare is Compare.SPLIT:
        column = round(split * original.shape[1])
        shown = np.concatenate((original[:, :column], painted[:, column:]), axis=1)
        shown[:, max(0, column - 1) : column + 1] = 255
    else:
        shown = painted
    bgr = cv2.cvtColor(shown, cv2.COLOR_RGB2BGR)
    factor = -(-_LEAST_HEIGHT // bgr.shape[0])
    if factor > 1:
        bgr = cv2.resize(bgr, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    return np.asarray(bgr, np.uint8)


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
