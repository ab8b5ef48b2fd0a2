"""From the key codes of OpenCV's window systems to what they ask for."""

from __future__ import annotations

from realtime.live.controls import Action, Press

__all__ = ["HELP", "press_of"]

_LETTERS = {
    "n": Action.NEXT_STYLE,
    "p": Action.PREVIOUS_STYLE,
    "+": Action.STRONGER,
    "=": Action.STRONGER,  # the same key without shift
    "-": Action.WEAKER,
    "k": Action.KEEP_COLORS,
    "c": Action.COMPARE,
    "m": Action.MIRROR,
    "i": Action.INFO,
    "h": Action.HELP,
    "?": Action.HELP,
    " ": Action.PAUSE,
    "s": Action.SNAPSHOT,
    "r": Action.RECORD,
    "f": Action.FULL_SCREEN,
    "q": Action.QUIT,
    "\x1b": Action.QUIT,
}
_ARROWS = {
    Action.PREVIOUS_STYLE: (0xFF51, 0x250000, 0xF702),  # left: X11, Windows, macOS
    Action.STRONGER: (0xFF52, 0x260000, 0xF700),  # up
    Action.NEXT_STYLE: (0xFF53, 0x270000, 0xF703),  # right
    Action.WEAKER: (0xFF54, 0x280000, 0xF701),  # down
}
_CODES = {code: action for action, codes in _ARROWS.items() for code in codes}

HELP = (
    ("n  p  or arrows", "next, previous style"),
    ("1 .. 9", "that style"),
    ("0", "the look at the start"),
    ("+  -  or arrows", "strength"),
    ("k", "keep the colours"),
    ("c", "compare: side by side, split"),
    ("m", "mirror"),
    ("i", "rate and latency"),
    ("s", "snapshot"),
    ("r", "record on, off"),
    ("space", "pause"),
    ("f", "full screen"),
    ("h", "this help"),
    ("q  Esc", "quit"),
)
"""Keys and what they do, for the help on screen."""


def press_of(code: int) -> Press | None:
    """What a code of `cv2.waitKeyEx` asks for; None for no key and for keys without a meaning."""
    if code < 0:
        return None
    if code in _CODES:
        return _CODES[code]
    code &= 0xFFFF  # GTK puts shift and num lock above
    if code in _CODES:
        return _CODES[code]
    if 0xFFB0 <= code <= 0xFFB9:  # digits of the number pad on X11
        return code - 0xFFB0
    character = chr(code).lower() if code < 128 else ""
    return int(character) if character and character in "0123456789" else _LETTERS.get(character)
