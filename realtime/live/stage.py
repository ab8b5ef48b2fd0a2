"""The main thread's side: shows pictures, obeys keys, counts what was shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from engines.fallback import BUILDING, HotSwap

from engines.errors import OutputError
from realtime.live.capture import Capture
from realtime.live.compare import canvas
from realtime.live.controls import Action, Compare, Palette, Press, Settings, State, press, settings
from realtime.live.overlay import Notes, draw
from realtime.live.paint import Painted
from realtime.live.recorder import Recorder
from realtime.live.snapshot import free_path, save_snapshot
from realtime.live.window import Window
from realtime.stats import Rate, Timings, now_ns

__all__ = ["Stage"]

_ONLY_ENLARGED = "only enlarged: start with --style to paint, too"
_MESSAGE_NS = 3_000_000_000
_REDRAW_NS = 200_000_000
_INFO_NS = 500_000_000
_SILENCE_NS = 2_000_000_000


class Stage:
    """What the viewer sees and does. `state` is replaced as a whole and may be read by any thread."""

    def __init__(
        self,
        state: State,
        palette: Palette,
        capture: Capture,
        recorder: Recorder,
        *,
        window: Window | None,
        folder: Path,
        notify: Callable[[str], None],
        warm_up: int = 0,
        handovers: Callable[[], Sequence[HotSwap]] = tuple,
    ) -> None:
        """handovers: how far engines are that are built while the CPU paints."""
        self.state, self.palette = state, palette
        self.latency, self.showing = Timings(), Timings()
        self.shown = self.captured = 0
        """Frames, and the number of the newest of them: what was captured until then."""
        self.first_ns = self.last_ns = 0
        self.quit = False
        self._capture, self._recorder, self._window = capture, recorder, window
        self._folder, self._notify, self._warm_up = folder, notify, warm_up
        self._handovers, self._handed_over = handovers, 0
        self._painted: Painted | None = None
        self._rate, self._smooth_ms = Rate(), 0.0
        self._message, self._message_until_ns = "", 0
        self._info, self._info_until_ns = "", 0
        self._drawn_ns = 0

    @property
    def seconds(self) -> float:
        """From the first shown frame, or the last one that warmed up, to the last."""
        return (self.last_ns - self.first_ns) / 1e9

    @property
    def fps(self) -> float:
        """Shown frames a second over that time."""
        return (self.shown - max(1, self._warm_up)) / self.seconds if self.seconds > 0 else 0.0

    def settings(self) -> Settings:
        """How a frame is to be painted now. Called by the engine's thread."""
        return settings(self.state, self.palette, now_ns())

    def paused(self) -> bool:
        return self.state.paused

    def turn(self, painted: Painted | None) -> None:
        """Show what came, if anything, and obey the keys."""
        if painted is not None:
            self._painted = painted
        if self._window is not None:
            if painted is not None or now_ns() - self._drawn_ns > _REDRAW_NS:
                self._draw(self._window)
            key = self._window.poll()
            self._obey(self._window, key)
        if painted is not None and not painted.again:
            self._count(painted)

    def say(self, text: str) -> None:
        """Put a message on the screen for three seconds."""
        self._message, self._message_until_ns = text, now_ns() + _MESSAGE_NS

    def _count(self, painted: Painted) -> None:
        now = now_ns()
        self.shown += 1
        self.captured = painted.frame.number
        self.first_ns = now if self.shown <= max(1, self._warm_up) else self.first_ns
        self.last_ns = now
        self._rate.tick(now)
        if self.shown > self._warm_up:
            self.latency.add_ns(now - painted.frame.captured_ns)
            self.showing.add_ns(now - painted.painted_ns)
        latency_ms = (now - painted.frame.captured_ns) / 1e6
        self._smooth_ms += (latency_ms - self._smooth_ms) * (0.1 if self.shown > 1 else 1)

    def _draw(self, window: Window) -> None:
        painted, state = self._painted, self.state
        if painted is None:
            return
        shown = canvas(painted.original, painted.picture, state.compare, state.split)
        draw(shown, self._notes())
        window.show(shown)
        self._drawn_ns = now_ns()

    def _notes(self) -> Notes:
        building = self._building()
        state, now, recorder = self.state, now_ns(), self._recorder
        if now > self._info_until_ns:
            self._info = f"{self._rate.per_second():.0f} fps   {self._smooth_ms:.0f} ms"
            self._info_until_ns = now + _INFO_NS
        details = []
        if state.strength < 1:
            details.append(f"strength {state.strength:.0%}")
        if state.keep_colors:
            details.append("own colours")
        began_ns = recorder.began_ns
        seconds = (now - began_ns) // 1_000_000_000 if began_ns is not None else 0
        return Notes(
            style=self.palette.names[state.style],
            details=tuple(details),
            info=self._info if state.info else "",
            recording=f"{seconds // 60}:{seconds % 60:02}" if began_ns is not None else "",
            paused=state.paused,
            trouble=self._trouble(now),
            building=building,
            message=self._message if now < self._message_until_ns else "",
            help=state.help,
            styles=self.palette.names,
        )

    def _building(self) -> str:
        """The line of an engine that is being built; how a build has ended becomes a message."""
        found = self._handovers()
        ended = [handover for handover in found if handover.state != BUILDING]
        if len(ended) > self._handed_over:
            self._handed_over = len(ended)
            self.say(ended[-1].line)
        return next((handover.line for handover in found if handover.state == BUILDING), "")

    def _trouble(self, now: int) -> str:
        capture = self._capture
        silent_ns = now - capture.last_ns
        if capture.trouble is None and capture.live and silent_ns > _SILENCE_NS:
            return f"no picture for {silent_ns // 1_000_000_000} s"
        return capture.trouble or ""

    def _obey(self, window: Window, key: Press | None) -> None:
        dragged = window.take_drag()
        if dragged is not None and self.state.compare is Compare.SPLIT:
            self.state = replace(self.state, split=dragged)
        if key is None:
            return
        if key is Action.QUIT:
            self.quit = True
        elif key is Action.FULL_SCREEN:
            window.toggle_full_screen()
        elif key is Action.SNAPSHOT:
            self._snapshot()
        elif key is Action.RECORD:
            self._record()
        else:
            self._press(key)
        self._drawn_ns = 0  # show at once what the key did

    def _press(self, key: Press) -> None:
        if len(self.palette.names) == 1 and (isinstance(key, int) or key in (Action.NEXT_STYLE, Action.PREVIOUS_STYLE)):
            self.say("this net has one style only" if self.palette.paints else _ONLY_ENLARGED)
        if not self.palette.paints and key in (Action.STRONGER, Action.WEAKER, Action.KEEP_COLORS):
            self.say(_ONLY_ENLARGED)
            return
        self.state = press(self.state, key, self.palette, now_ns())
        self._capture.hold(self.state.paused)

    def _snapshot(self) -> None:
        if self._painted is None:
            return
        try:
            path = save_snapshot(self._painted.picture, self._folder)
        except OutputError as error:
            self.fail(error)
            return
        self.say(f"saved {path.name}")

    def _record(self) -> None:
        if self._recorder.began_ns is not None:
            self._recorder.stop()
            self.say("recording ended")
            return
        try:
            path = free_path(self._folder, ".mp4")
            self._recorder.start(path)
        except OutputError as error:
            self.fail(error)
            return
        self.say(f"recording {path.name}")

    def fail(self, error: OutputError) -> None:
        """Say on screen and to the terminal what could not be written, and go on."""
        self.say(str(error))
        self._notify(str(error))
