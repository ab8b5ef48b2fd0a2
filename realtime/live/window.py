"""A real window through OpenCV. All of it belongs to the main thread."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.contract import Picture
from engines.errors import OutputError
from realtime.live.controls import Action, Press
from realtime.live.keys import press_of
from realtime.live.x11 import CURE, repeat_map_notify

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self needs Python 3.11

__all__ = ["Window"]

_LARGEST = (1920, 1080)
_REMINDERS_S = (0.3, 1.0, 3.0)
"""So long after it was opened, the window is told once more that it is on the screen."""


class Window:
    """One window. Shows uint8 `(h, w, 3)` BGR pictures and says what its user wants."""

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

    def poll(self) -> Press | None:
        """Let the window draw, for about a millisecond, and return the key that was pressed."""
        if self._reminders_s and time.monotonic() - self._opened_s > self._reminders_s[0]:
            self._reminders_s.pop(0)
            repeat_map_notify(self._title)
        code = cv2.waitKeyEx(1)
        try:
            if cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
                return Action.QUIT  # closed by its own button
        except cv2.error:
            return Action.QUIT
        return press_of(code)

    def take_drag(self) -> float | None:
        """Where the mouse was pulled to since the last call, 0 (left) to 1."""
        dragged, self._dragged = self._dragged, None
        return dragged

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _on_mouse(self, event: int, x: int, y: int, flags: int, data: object) -> None:  # noqa: ARG002 (OpenCV's)
        if flags & cv2.EVENT_FLAG_LBUTTON and self._width:
            self._dragged = min(1.0, max(0.0, x / self._width))


def _start_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the window for a picture; one that most screens cannot hold is shown smaller."""
    factor = min(1.0, _LARGEST[0] / size[0], _LARGEST[1] / size[1])
    return round(size[0] * factor), round(size[1] * factor)
