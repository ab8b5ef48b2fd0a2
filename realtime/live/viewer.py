"""What the viewer sees: the painted picture, perhaps beside its frame, and what is written on it.

Nothing is decided here: `Controls` has the state, which this draws, and gets all that is done to the window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from engines.contract import Picture
from engines.fallback import BUILDING, HotSwap
from realtime.live.capture import Capture
from realtime.live.controls import Compare, Controls, Request
from realtime.live.outputs import Display
from realtime.live.overlay import Notes, draw
from realtime.live.window import Window
from realtime.stats import now_ns

__all__ = ["Status", "Viewer", "canvas"]

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
        handovers: Callable[[], Sequence[HotSwap]],
    ) -> None:
        """handovers: how far engines are that are built while the CPU paints."""
        self._controls, self._capture = controls, capture
        self._recording_since_ns, self._handovers = recording_since_ns, handovers
        self._handed_over = 0

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
        found = self._handovers()
        ended = [handover for handover in found if handover.state != BUILDING]
        if len(ended) > self._handed_over:
            self._handed_over = len(ended)
            self._controls.say(ended[-1].line, at_ns)
        return next((handover.line for handover in found if handover.state == BUILDING), "")


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
