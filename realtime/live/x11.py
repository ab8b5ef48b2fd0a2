"""What OpenCV's Qt windows need from the X server beside Qt, through libxcb. Nothing here does anything elsewhere."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from typing import Any

from engines.errors import OutputError

__all__ = ["CURE", "repeat_map_notify", "require_display"]

CURE = "use --headless, perhaps with --record FILE"
"""For whom no window can be opened."""
_WM_NAME, _ANY_TYPE = 39, 0
_MAP_NOTIFY, _STRUCTURE_NOTIFY = 19, 1 << 17


class _Screens(ctypes.Structure):
    """xcb_screen_iterator_t; a screen begins with the number of its root window."""

    _fields_ = (("data", ctypes.POINTER(ctypes.c_uint32)), ("rem", ctypes.c_int), ("index", ctypes.c_int))


def require_display() -> None:
    """Raise OutputError where no window can be opened.

    Qt, which OpenCV uses on Linux, ends the whole process when it meets no display: so X11 is asked first, in the
    same way, with the user's rights.
    """
    if not sys.platform.startswith("linux"):
        return
    display = os.environ.get("DISPLAY")
    if not display:
        raise OutputError(f"a window needs a display, and DISPLAY names none: {CURE}")
    try:
        server = _Server()
    except OSError as error:
        raise OutputError(f"a window needs the system library libxcb.so.1: install it, or {CURE}") from error
    with server:
        if not server.reached:
            raise OutputError(f"a window needs a display, and {display!r} (DISPLAY) cannot be reached: {CURE}")


def repeat_map_notify(title: str) -> None:
    """Tell this process once more that its windows of that title are on the screen.

    Qt 5 now and then loses some of the first events that it reads; without this one it never draws (seen in one start
    of twenty). A window that has had it draws its contents once more, which nobody sees.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        server = _Server()
    except OSError:
        return  # Wayland without X11
    with server:
        if server.reached:
            for window in server.windows_called(title.encode()):
                server.send_map_notify(window)


class _Server:
    """A connection of our own. Raises OSError where there is no libxcb."""

    def __init__(self) -> None:
        self._xcb = ctypes.CDLL("libxcb.so.1")
        self._free = ctypes.CDLL(None).free
        self._free.argtypes = [ctypes.c_void_p]
        pointers = ("connect", "get_setup", "query_tree_reply", "query_tree_children", "get_property_reply")
        for name in (*pointers, "get_property_value"):
            self._of(name).restype = ctypes.c_void_p
        self._of("setup_roots_iterator").restype = _Screens
        self._connection = ctypes.c_void_p(self._of("connect")(None, None))
        self.reached = not self._of("connection_has_error")(self._connection)

    def windows_called(self, title: bytes) -> Iterator[int]:
        """All windows of that title; window managers wrap them in windows of their own."""
        screens = self._of("setup_roots_iterator")(ctypes.c_void_p(self._of("get_setup")(self._connection)))
        waiting = [int(screens.data[0])]
        while waiting:
            window = waiting.pop()
            if self._title(window) == title:
                yield window
            waiting += self._children(window)

    def send_map_notify(self, window: int) -> None:
        event = bytes([_MAP_NOTIFY, 0, 0, 0]) + 2 * window.to_bytes(4, sys.byteorder) + bytes(20)
        self._of("send_event")(self._connection, 0, window, _STRUCTURE_NOTIFY, event)
        self._of("flush")(self._connection)

    def __enter__(self) -> _Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._of("disconnect")(self._connection)

    def _children(self, window: int) -> list[int]:
        reply = self._of("query_tree_reply")(self._connection, self._of("query_tree")(self._connection, window), None)
        if not reply:
            return []  # gone by now
        try:
            count = self._of("query_tree_children_length")(ctypes.c_void_p(reply))
            first = self._of("query_tree_children")(ctypes.c_void_p(reply))
            return list((ctypes.c_uint32 * count).from_address(first)) if count else []
        finally:
            self._free(reply)

    def _title(self, window: int) -> bytes:
        cookie = self._of("get_property")(self._connection, 0, window, _WM_NAME, _ANY_TYPE, 0, 256)
        reply = self._of("get_property_reply")(self._connection, cookie, None)
        if not reply:
            return b""
        try:
            length = self._of("get_property_value_length")(ctypes.c_void_p(reply))
            return ctypes.string_at(self._of("get_property_value")(ctypes.c_void_p(reply)), length)
        finally:
            self._free(reply)

    def _of(self, name: str) -> Any:
        return getattr(self._xcb, f"xcb_{name}")
