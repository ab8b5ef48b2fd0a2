"""What can be changed while a camera runs: a state machine without a window. Events go in, state and requests come out.

>>> controls = Controls(styles)
>>> controls.handle(Key("n"), now_ns())  # of a keyboard
>>> controls.handle(Message("strength", 0.5), now_ns())  # of a web page, a network
>>> controls.state.strength
0.5
>>> controls.handle(Key("s"), now_ns())
>>> controls.take_requests()  # what only the session can do
[<Request.SNAPSHOT: 'snapshot'>]
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeGuard

from engines.contract import StyleVector
from engines.errors import BadInputError
from engines.library import Library
from engines.names import nearest
from realtime.pipeline import ResolvedPipeline, StyleParams

__all__ = [
    "Action",
    "Click",
    "Compare",
    "Controls",
    "Event",
    "FADE_NS",
    "HELP",
    "Key",
    "Message",
    "Request",
    "Settings",
    "State",
    "StyleList",
    "meaning",
    "style_list",
]

FADE_NS = 500_000_000
"""How long one style takes to become the next."""
_MESSAGE_NS = 3_000_000_000
_ONLY_ENLARGED = "only enlarged: start with --style to paint, too"


class Action(Enum):
    """What changes the state."""

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


class Request(Enum):
    """What only the session can do."""

    SNAPSHOT = "snapshot"
    RECORD = "record"
    FULL_SCREEN = "full screen"
    QUIT = "quit"


@dataclass(frozen=True)
class Key:
    """A key was pressed."""

    name: str
    """What it writes, or `left`, `right`, `up`, `down`, `escape`."""


@dataclass(frozen=True)
class Click:
    """The pointer was pressed on the picture, or pulled over it."""

    x: float
    """0 (left) to 1."""


@dataclass(frozen=True)
class Message:
    """From a program: do an action or a request, or give a field of the state a value."""

    name: str
    """The value of an Action or of a Request, such as `next style`; or a field of State: `style`, `strength`,
    `keep_colors`, `mirror`, `compare`, `split`, `info`, `help`, `paused`."""
    value: object = None
    """Of the field: a style's name, a number from 0 to 1, a value of Compare, or whether it is so."""


Event = Key | Click | Message

_KEYS: dict[str, Action | Request] = {
    "n": Action.NEXT_STYLE,
    "right": Action.NEXT_STYLE,
    "p": Action.PREVIOUS_STYLE,
    "left": Action.PREVIOUS_STYLE,
    "+": Action.STRONGER,
    "=": Action.STRONGER,  # the same key without shift
    "up": Action.STRONGER,
    "-": Action.WEAKER,
    "down": Action.WEAKER,
    "k": Action.KEEP_COLORS,
    "c": Action.COMPARE,
    "m": Action.MIRROR,
    "i": Action.INFO,
    "h": Action.HELP,
    "?": Action.HELP,
    " ": Action.PAUSE,
    "s": Request.SNAPSHOT,
    "r": Request.RECORD,
    "f": Request.FULL_SCREEN,
    "q": Request.QUIT,
    "escape": Request.QUIT,
}

HELP = (
    ("n  p  or arrows", "next, previous style"),
    ("1 .. 9", "that style"),
    ("0", "the style at the start"),
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


def meaning(key: str) -> Action | Request | int | None:
    """What a key asks for; a digit: 1 to 9 pick a style, 0 the one that the run began with. None: nothing."""
    key = key.lower()
    return int(key) if len(key) == 1 and key in "0123456789" else _KEYS.get(key)


class Compare(Enum):
    """What stands beside the painted picture."""

    OFF = "off"
    SIDE = "side by side"
    SPLIT = "split line"


@dataclass(frozen=True, kw_only=True, eq=False)
class StyleList:
    """The styles that can be chosen: all of one net, by name, and the one that the run began with."""

    names: Sequence[str]
    vectors: Sequence[StyleVector | None] = field(repr=False)
    """float32 `(style_length,)` each; None for a net without styles."""
    start: int
    """Index of the one that the run began with."""
    paints: bool = True
    """False where frames are only enlarged: there is nothing to mix."""

    def __post_init__(self) -> None:
        if len(self.names) != len(self.vectors) or not 0 <= self.start < len(self.names):
            raise BadInputError(f"a list of styles has a vector a name, got {len(self.names)}, {len(self.vectors)}")


def style_list(pipeline: ResolvedPipeline, library: Library, notify: Callable[[str], None]) -> StyleList:
    """All styles of the chosen net, and the chosen one where it is not among them. Unusable files are reported.

    Where frames are only enlarged there is one entry, which mixes nothing.
    """
    chosen = pipeline.style
    if chosen is None:
        return StyleList(names=(pipeline.net.spec.name,), vectors=(None,), start=0, paints=False)
    if chosen.vector is None:
        return StyleList(names=(chosen.label,), vectors=(None,), start=0)
    names, vectors = [], []
    for name in library.styles_of(chosen.net):
        try:
            vectors.append(library.style(name, chosen.net).vector)
            names.append(name)
        except BadInputError as error:
            notify(f"left out: {error.full_text}")
    if chosen.label not in names:
        names.append(chosen.label)
        vectors.append(chosen.vector)
    return StyleList(names=tuple(names), vectors=tuple(vectors), start=names.index(chosen.label))


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """Everything that the controls can change. Replaced as a whole, so that any thread may read it."""

    style: int
    """Index into the list of styles."""
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
    message: str = ""
    """What an event has done, or what has happened meanwhile, to be shown until `message_until_ns`."""
    message_until_ns: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Settings:
    """How one frame is to be painted."""

    params: StyleParams
    mirror: bool
    token: tuple[object, ...]
    """Equal for equal settings: one frame painted twice under one token gives one picture."""


_MIXING = (Action.STRONGER, Action.WEAKER, Action.KEEP_COLORS, "strength", "keep_colors")
_TOGGLED = {
    Action.KEEP_COLORS: "keep_colors",
    Action.MIRROR: "mirror",
    Action.INFO: "info",
    Action.HELP: "help",
    Action.PAUSE: "paused",
}
_NAMED: dict[str, Action | Request] = {one.value: one for one in (*Action, *Request)}
_FIELDS = ("style", "strength", "split", "compare", *_TOGGLED.values())


class Controls:
    """The state of a run and what changes it. All methods may be called from any thread; times are those of `now_ns`.

    A change replaces `state` as a whole: reading it takes no lock.
    """

    def __init__(self, styles: StyleList, state: State | None = None) -> None:
        """`state`: to begin with; the default is that of a run without options."""
        self.styles = styles
        self.state = state or State(style=styles.start)
        self._requests: list[Request] = []
        self._lock = threading.Lock()  # guards the change of all of the above

    def handle(self, event: Event, at_ns: int) -> None:
        """Change the state, or keep a request for `take_requests`. Keys without a meaning do nothing.

        Raises BadInputError for a message that nobody understands.
        """
        with self._lock:
            if isinstance(event, Click):
                if self.state.compare is Compare.SPLIT:
                    self.state = replace(self.state, split=min(1.0, max(0.0, event.x)))
                return
            if isinstance(event, Key):
                asked = meaning(event.name)
            else:
                asked = _NAMED.get(event.name) if event.value is None else None
            if isinstance(asked, Request):
                self._requests.append(asked)
            elif asked is not None:
                self._press(asked, at_ns)
            elif isinstance(event, Message):
                self._set(event.name, event.value, at_ns)

    def take_requests(self) -> list[Request]:
        """All that have come since the last call, oldest first."""
        with self._lock:
            taken, self._requests = self._requests, []
            return taken

    def say(self, text: str, at_ns: int) -> None:
        """Put a message on the screen for three seconds."""
        with self._lock:
            self._say(text, at_ns)

    def settings(self, at_ns: int) -> Settings:
        """How to paint a frame at `at_ns`."""
        state = self.state
        vector, progress = self._vector(state, at_ns)
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

    def _say(self, text: str, at_ns: int) -> None:
        self.state = replace(self.state, message=text, message_until_ns=at_ns + _MESSAGE_NS)

    def _press(self, asked: Action | int, at_ns: int) -> None:
        """The rest of a key or a message that does not say what is to come of it."""
        state, count = self.state, len(self.styles.names)
        if isinstance(asked, int):
            self._switch(self.styles.start if asked == 0 else asked - 1, at_ns)
        elif asked in (Action.NEXT_STYLE, Action.PREVIOUS_STYLE):
            self._switch((state.style + (1 if asked is Action.NEXT_STYLE else -1)) % count, at_ns)
        elif asked in _MIXING and not self.styles.paints:
            self._say(_ONLY_ENLARGED, at_ns)
        elif asked in (Action.STRONGER, Action.WEAKER):
            tenths = 1 if asked is Action.STRONGER else -1
            self.state = replace(state, strength=min(1.0, max(0.0, round(state.strength + tenths / 10, 2))))
        elif asked is Action.COMPARE:
            order = list(Compare)
            self.state = replace(state, compare=order[(order.index(state.compare) + 1) % len(order)])
        else:
            name = _TOGGLED[asked]
            self._put(name, not getattr(state, name))

    def _set(self, name: str, value: object, at_ns: int) -> None:
        """Give a field of the state a value."""
        if name not in _FIELDS:
            raise BadInputError(f"the controls have no {name!r}{nearest(name, [*_NAMED, *_FIELDS])}")
        if name in _MIXING and not self.styles.paints:
            self._say(_ONLY_ENLARGED, at_ns)
        elif name == "style":
            if value not in self.styles.names:
                raise BadInputError(f"no style is called {value!r}{nearest(str(value), self.styles.names)}")
            self._switch(self.styles.names.index(str(value)), at_ns)
        elif name in ("strength", "split"):
            if not _is_number(value) or not 0 <= value <= 1:
                raise BadInputError(f"{name} is 0 to 1, got {value!r}")
            self._put(name, float(value))
        elif name == "compare":
            try:
                self._put(name, Compare(value))
            except ValueError:
                known = ", ".join(one.value for one in Compare)
                raise BadInputError(f"compare is one of {known}, got {value!r}") from None
        elif isinstance(value, bool):
            self._put(name, value)
        else:
            raise BadInputError(f"{name} is true or false, got {value!r}")

    def _put(self, name: str, value: object) -> None:
        self.state = replace(self.state, **{name: value})  # type: ignore[arg-type]  # the callers know the fields

    def _switch(self, style: int, at_ns: int) -> None:
        state, count = self.state, len(self.styles.names)
        if count == 1:
            self._say("this net has one style only" if self.styles.paints else _ONLY_ENLARGED, at_ns)
        if style == state.style or style >= count:
            return
        painted, _ = self._vector(state, at_ns)  # mid-fade, the next fade begins with what is to be seen
        self.state = replace(state, style=style, fade_from=painted, fade_began_ns=at_ns)

    def _vector(self, state: State, at_ns: int) -> tuple[StyleVector | None, float]:
        """The style vector, and how far its fade has come: 0 to 1.

        A weighted sum of two style vectors is a style between them (Dumoulin et al. 2017, section 3.2). The weight
        follows 3t^2 - 2t^3, which starts and ends gently.
        """
        target = self.styles.vectors[state.style]
        time = (at_ns - state.fade_began_ns) / FADE_NS
        if state.fade_from is None or target is None or time >= 1:
            return target, 1.0
        time = max(0.0, time)
        weight = time * time * (3 - 2 * time)
        mixed: StyleVector = ((1 - weight) * state.fade_from + weight * target).astype(target.dtype)
        return mixed, time


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
