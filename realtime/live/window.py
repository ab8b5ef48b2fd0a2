"""A real window through OpenCV, and the codes of its keys. All of it belongs to the main thread."""

from __future__ import annotations

import os
import time

import cv2
import numpy as np

from engines.contract import Picture
from engines.errors import OutputError
from engines.lifecycle import Closing
from realtime.live.controls import Click, Event, Key, Message, Request
from realtime.live.x11 import CURE, repeat_map_notify

__all__ = ["Window", "key_of"]

_LARGEST = (1920, 1080)
_REMINDERS_S = (0.3, 1.0, 3.0)
"""So long after it was opened, the window is told once more that it is on the screen."""
_CODES = {
    code: name
    for name, codes in {
        "left": (0xFF51, 0x250000, 0xF702),  # X11, Windows, macOS
        "up": (0xFF52, 0x260000, 0xF700),
        "right": (0xFF53, 0x270000, 0xF703),
        "down": (0xFF54, 0x280000, 0xF701),
        "escape": (0x1B,),
    }.items()
    for code in codes
}


class Window(Closing):
    """One window. Shows uint8 `(h, w, 3)` BGR pictures and says what its user does."""

    def __init__(self, title: str, size: tuple[int, int]) -> None:
        """`size` is (width, height) to begin with. Raises OutputError where OpenCV was built without windows."""
        self._title, self._size = title, size
        self._opened_s, self._reminders_s = time.monotonic(), list(_REMINDERS_S)
        self._full = False
        self._dragged: float | None = None
        self._width = size[0]
        # OpenCV's wheels carry no fonts for Qt, which says so at length; all text here is part of the picture
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false;*.info=false")
        try:
            cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise OutputError(
                f"this OpenCV cannot open windows: install opencv-python in place of opencv-python-headless, or {CURE}"
            ) from error
        cv2.resizeWindow(title, *_start_size(size))
        cv2.setMouseCallback(title, self._on_mouse)
        self.show(np.zeros((size[1], size[0], 3), np.uint8))  # until the first frame is painted

    def show(self, picture: Picture) -> None:
        """Show a picture; the window takes over its shape when that changes, as with two pictures side by side."""
        height, width = picture.shape[:2]
        if (width, height) != self._size and not self._full:
            cv2.resizeWindow(self._title, *_start_size((width, height)))
        self._size, self._width = (width, height), width
        cv2.imshow(self._title, picture)

    def poll(self) -> list[Event]:
        """Let the window draw, for about a millisecond, and return what was done to it since the last call."""
        if self._reminders_s and time.monotonic() - self._opened_s > self._reminders_s[0]:
            self._reminders_s.pop(0)
            repeat_map_notify(self._title)
        code = cv2.waitKeyEx(1)
        key, events = key_of(code), list[Event]()
        if self._dragged is not None:
            events.append(Click(self._dragged))
            self._dragged = None
        try:
            closed = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1  # by its own button
        except cv2.error:
            closed = True
        if closed:
            events.append(Message(Request.QUIT.value))
        elif key is not None:
            events.append(Key(key))
        return events

    def toggle_full_screen(self) -> None:
        self._full = not self._full
        state = cv2.WINDOW_FULLSCREEN if self._full else cv2.WINDOW_NORMAL
        cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, state)
        if not self._full:
            cv2.resizeWindow(self._title, *_start_size(self._size))

    def close(self) -> None:
        """May be called twice."""
        try:
            cv2.destroyWindow(self._title)
        except cv2.error:
            return  # the user was faster
        cv2.waitKeyEx(1)

    def _on_mouse(self, event: int, x: int, y: int, flags: int, data: object) -> None:  # noqa: ARG002 (OpenCV's)
        if flags & cv2.EVENT_FLAG_LBUTTON and self._width:
            self._dragged = min(1.0, max(0.0, x / self._width))


def _start_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the window for a picture; one that most screens cannot hold is shown smaller."""
    factor = min(1.0, _LARGEST[0] / size[0], _LARGEST[1] / size[1])
    return round(size[0] * factor), round(size[1] * factor)


def key_of(code: int) -> str | None:
    """The name (`realtime.live.controls.Key`) of a code of `cv2.waitKeyEx`, on every window system; None for no key."""
    if code < 0:
        return None
    for known in (code, code & 0xFFFF):  # GTK puts shift and num lock above
        if known in _CODES:
            return _CODES[known]
    code &= 0xFFFF
    if 0xFFB0 <= code <= 0xFFB9:  # digits of the number pad on X11
        return str(code - 0xFFB0)
    return chr(code).lower() if code < 128 else None
