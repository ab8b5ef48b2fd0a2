"""What the keys do: pure functions from one state to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from engines.contract import StyleVector
from engines.errors import BadInputError
from realtime.pipeline import StyleParams

__all__ = ["Action", "Compare", "FADE_NS", "Palette", "Press", "Settings", "State", "press", "settings"]

FADE_NS = 500_000_000
"""How long one style takes to become the next."""


class Action(Enum):
    """What a key asks for. The session does the last four, `press` all others."""

    NEXT_STYLE = "next style"
    PREVIOUS_STYLE = "previous style"
    STRONGER = "stronger"
    WEAKER = "weaker"
    KEEP_COLORS = "keep colours"
    COMPARE = "compare"
    MIRROR = "mirror"
    INFO = "info"
    HELP = "help"
    PAUSE = "pause"
    SNAPSHOT = "snapshot"
    RECORD = "record"
    FULL_SCREEN = "full screen"
    QUIT = "quit"


Press = Action | int
"""An action; or a digit: 1 to 9 pick a style, 0 the look that the run began with."""


class Compare(Enum):
    """What stands beside the painted picture."""

    OFF = "off"
    SIDE = "side by side"
    SPLIT = "split line"


@dataclass(frozen=True, kw_only=True, eq=False)
class Palette:
    """The looks that can be chosen: all styles of one net, by name, and the one that the run began with."""

    names: Sequence[str]
    vectors: Sequence[StyleVector | None] = field(repr=False)
    """float32 `(style_length,)` each; None for a net without styles."""
    start: int
    """Index of the look that the run began with."""
    paints: bool = True
    """False where frames are only enlarged: there is nothing to mix."""

    def __post_init__(self) -> None:
        if len(self.names) != len(self.vectors) or not 0 <= self.start < len(self.names):
            raise BadInputError(f"a palette needs a vector for each name, got {len(self.names)}, {len(self.vectors)}")


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """Everything that the keys can change. Replaced as a whole, so that any thread may read it."""

    style: int
    """Index into the palette."""
    fade_from: StyleVector | None = field(default=None, repr=False)
    """float32 `(style_length,)`: what was painted when the style was switched."""
    fade_began_ns: int = 0
    strength: float = 1.0
    keep_colors: bool = False
    mirror: bool = False
    compare: Compare = Compare.OFF
    split: float = 0.5
    """Where the split line stands, 0 (left) to 1."""
    info: bool = True
    help: bool = False
    paused: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Settings:
    """How one frame is to be painted."""

    params: StyleParams
    mirror: bool
    token: tuple[object, ...]
    """Equal for equal settings: one frame painted twice under one token gives one picture."""


def press(state: State, key: Press, palette: Palette, at_ns: int) -> State:
    """The state after a key. Keys that only the session can obey change nothing."""
    if isinstance(key, int):
        wanted = palette.start if key == 0 else key - 1
        return _switch(state, wanted, palette, at_ns) if wanted < len(palette.names) else state
    if key in (Action.NEXT_STYLE, Action.PREVIOUS_STYLE):
        step = 1 if key is Action.NEXT_STYLE else -1
        return _switch(state, (state.style + step) % len(palette.names), palette, at_ns)
    if key in (Action.STRONGER, Action.WEAKER):
        step_tenths = 1 if key is Action.STRONGER else -1
        return replace(state, strength=min(1.0, max(0.0, round(state.strength + step_tenths / 10, 2))))
    if key is Action.COMPARE:
        order = list(Compare)
        return replace(state, compare=order[(order.index(state.compare) + 1) % len(order)])
    return _toggled(state, key)


def _toggled(state: State, key: Action) -> State:
    if key is Action.KEEP_COLORS:
        return replace(state, keep_colors=not state.keep_colors)
    if key is Action.MIRROR:
        return replace(state, mirror=not state.mirror)
    if key is Action.INFO:
        return replace(state, info=not state.info)
    if key is Action.HELP:
        return replace(state, help=not state.help)
    if key is Action.PAUSE:
        return replace(state, paused=not state.paused)
    return state


def settings(state: State, palette: Palette, at_ns: int) -> Settings:
    """How to paint a frame at `at_ns`."""
    vector, progress = _vector(state, palette, at_ns)
    return Settings(
        params=StyleParams(vector=vector, strength=state.strength, keep_colors=state.keep_colors),
        mirror=state.mirror,
        token=(
            state.style,
            progress,
            state.fade_began_ns if progress < 1 else 0,
            state.strength,
            state.keep_colors,
            state.mirror,
        ),
    )


def _switch(state: State, style: int, palette: Palette, at_ns: int) -> State:
    if style == state.style:
        return state
    painted, _ = _vector(state, palette, at_ns)  # mid-fade, the next fade begins with what is to be seen
    return replace(state, style=style, fade_from=painted, fade_began_ns=at_ns)


def _vector(state: State, palette: Palette, at_ns: int) -> tuple[StyleVector | None, float]:
    """The style vector, and how far its fade has come: 0 to 1.

    A weighted sum of two style vectors is a style between them (Dumoulin et al. 2017, section 3.2). The weight follows
    3t^2 - 2t^3, which starts and ends gently.
    """
    target = palette.vectors[state.style]
    time = (at_ns - state.fade_began_ns) / FADE_NS
    if state.fade_from is None or target is None or time >= 1:
        return target, 1.0
    time = max(0.0, time)
    weight = time * time * (3 - 2 * time)
    mixed: StyleVector = ((1 - weight) * state.fade_from + weight * target).astype(target.dtype)
    return mixed, time
