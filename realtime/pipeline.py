"""From what a user asks for to pictures: the nets are found, their engines opened, and frames go through.

>>> resolved = resolve(StyleOptions(style="udnie", sr=2))
>>> with open_pipeline(resolved, (640, 480)) as pipeline:
...     pipeline.submit(frame, resolved.params)  # uint8 (480, 640, 3) RGB
...     picture = pipeline.collect()  # uint8 (960, 1280, 3) RGB
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from engines.backends import AUTO, open_engine
from engines.contract import Engine, EngineOptions, EngineSpec, Picture, StyleVector
from engines.errors import BadInputError
from engines.fallback import FallbackEngine, HotSwap, open_engine_at_once
from engines.library import Library, upscaler
from engines.net_file import NetFile, NetSpec
from engines.styles import AUTO_NET, ResolvedStyle, resolve_styles
from realtime.user_options import StyleOptions

__all__ = [
    "Pipeline",
    "ResolvedPipeline",
    "StyleParams",
    "UpscalingPipeline",
    "joined",
    "mix",
    "open_pipeline",
    "resolve",
    "resolve_all",
]

_ROWS_APART = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class StyleParams:
    """How one frame is to be painted."""

    vector: StyleVector | None = None
    """float32 `(style_length,)`; None for a net without styles."""
    strength: float = 1.0
    """0 is the frame as it came, 1 the painted one."""
    keep_colors: bool = False
    """Luminance from the painted picture, chroma from the frame."""

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise BadInputError(f"strength is 0 to 1, got {self.strength}")

    def check_net(self, net: NetSpec) -> None:
        """Raise BadInputError for a mix with a net that changes the size."""
        if net.scale != 1 and (self.strength != 1 or self.keep_colors):
            raise BadInputError("strength and kept colours are for nets that paint, not for those that enlarge")


@dataclass(frozen=True, kw_only=True, eq=False)
class ResolvedPipeline:
    """The nets that do what was asked for, and how. Raises BadInputError for nets in another order."""

    net: NetFile
    """The net that the frames go into: it paints, or enlarges where nothing is to be painted."""
    params: StyleParams = field(default_factory=StyleParams)
    upscaler: NetFile | None = None
    """Enlarges what `net` has painted; None where `net` is all there is."""
    style: ResolvedStyle | None = None
    """None where frames are only enlarged."""

    def __post_init__(self) -> None:
        if self.upscaler is None:
            return
        for given, kind in ((self.net, "style"), (self.upscaler, "upscale")):
            if given.spec.kind != kind:
                raise BadInputError(
                    f"a net that paints comes first and one that enlarges second, got {given.spec.name} "
                    f"({given.spec.kind})"
                )

    @property
    def nets(self) -> tuple[NetFile, ...]:
        """In the order in which frames go through them."""
        return (self.net,) if self.upscaler is None else (self.net, self.upscaler)

    @property
    def scale(self) -> int:
        """Width and height of the result over those of the frame."""
        return self.net.spec.scale * (1 if self.upscaler is None else self.upscaler.spec.scale)


def resolve(options: StyleOptions, *, always_paint: bool = False, library: Library | None = None) -> ResolvedPipeline:
    """The first of `resolve_all`: without a deadline, the default net paints unless only others have the style."""
    return next(resolve_all(options, always_paint=always_paint, library=library))


def resolve_all(
    options: StyleOptions,
    *,
    always_paint: bool = False,
    library: Library | None = None,
    notice: Callable[[str], None] | None = None,
) -> Iterator[ResolvedPipeline]:
    """Find the nets: one pipeline for each net that can paint the style, each read when it is asked for.

    They come in the order of `resolve_styles`. `sr` without `style` only enlarges, unless `always_paint` asks for the
    default style then. Raises BadInputError at the first one, also for settings that would have no effect.
    """
    if options.sr is not None and options.style is None and not always_paint:
        _check_nothing_to_mix(options)
        yield ResolvedPipeline(net=upscaler(options.sr, options.sr_mode, library=library))
        return
    for found in resolve_styles(options.style, net=options.net, library=library, notice=notice):
        yield ResolvedPipeline(
            net=found.net,
            params=StyleParams(vector=found.vector, strength=options.strength, keep_colors=options.keep_colors),
            upscaler=None if options.sr is None else upscaler(options.sr, options.sr_mode, library=library),
            style=found,
        )


def _check_nothing_to_mix(options: StyleOptions) -> None:
    given = {
        "net": options.net not in (None, AUTO_NET),
        "strength": options.strength != 1,
        "keep_colors": options.keep_colors,
    }
    named = [name for name, is_given in given.items() if is_given]
    if named:
        raise BadInputError(
            f"`{named[0]}` is for painting, and `sr` alone only enlarges", hint="add `style`, or leave it out"
        )


@dataclass(frozen=True, eq=False)
class _InFlight:
    frame: Picture
    params: StyleParams
    repeats: bool
    """The frame before it was the same: its picture is this one's too, and the engine knows nothing of it."""


class Pipeline:
    """Frames in, mixed pictures out, in order, with up to `depth` in flight. The engine stays its owner's to close.

    A frame that is equal to the one before it, still in flight, is not painted again: films at 24 frames a second come
    in files of 60, and drawn ones change every second or third frame.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine, self.depth = engine, engine.depth
        self._waiting: deque[_InFlight] = deque()
        self._repeated: Picture | None = None
        """Our own copy of the last picture, while one that repeats it waits."""

    @property
    def engines(self) -> tuple[Engine, ...]:
        """All that a frame goes through, in order."""
        return (self.engine,)

    @property
    def specs(self) -> tuple[EngineSpec, ...]:
        """What they are now: a fallback engine becomes another, of the same sizes."""
        return tuple(engine.spec for engine in self.engines)

    @property
    def hot_swaps(self) -> tuple[HotSwap, ...]:
        """How far the builds are of engines that began on the CPU (`engines.fallback`). For any thread."""
        return tuple(engine.swap for engine in self.engines if isinstance(engine, FallbackEngine))

    @property
    def in_flight(self) -> int:
        return len(self._waiting)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames that go in."""
        return self.specs[0].size

    @property
    def output_size(self) -> tuple[int, int]:
        """(width, height) of the pictures that come out."""
        return self.specs[-1].output_size

    def submit(self, frame: Picture, params: StyleParams) -> None:
        """Start on a frame, uint8 `(h, w, 3)` RGB. It must not change until its picture is collected.

        Raises what `Engine.submit` raises, and BadInputError for a mix with a net that changes the size.
        """
        params.check_net(self.engine.spec.net)
        repeats = bool(self._waiting) and _is_repeated(self._waiting[-1], frame, params)
        if not repeats:
            self.engine.submit(frame, params.vector)
        self._waiting.append(_InFlight(frame, params, repeats))

    def collect(self) -> Picture:
        """Wait for the oldest frame's picture, uint8 `(h, w, 3)` RGB; the array belongs to the caller."""
        if self._waiting and self._waiting[0].repeats:
            self._waiting.popleft()
            assert self._repeated is not None
            picture = self._repeated
        else:
            painted = self.engine.collect()
            oldest = self._waiting.popleft()
            picture = self._finished(mix(oldest.frame, painted, oldest.params))
        self._repeated = picture.copy() if self._waiting and self._waiting[0].repeats else None
        return picture

    def _finished(self, picture: Picture) -> Picture:
        """What is still to be done with a mixed picture."""
        return picture


def _is_repeated(before: _InFlight, frame: Picture, params: StyleParams) -> bool:
    """Whether `frame` would give the picture of `before`. A few rows tell most frames apart."""
    one, other = before.params, params
    alike = (one.strength, one.keep_colors) == (other.strength, other.keep_colors)
    if not alike or not _equal(one.vector, other.vector) or before.frame.shape != frame.shape:
        return False
    rows = slice(None, None, _ROWS_APART)
    return np.array_equal(before.frame[rows], frame[rows]) and np.array_equal(before.frame, frame)


def _equal(one: StyleVector | None, other: StyleVector | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def mix(frame: Picture, painted: Picture, params: StyleParams) -> Picture:
    """Put kept colours and strength to work; both pictures are uint8 `(h, w, 3)` RGB. May write into `painted`."""
    if params.keep_colors:
        luminance = cv2.cvtColor(painted, cv2.COLOR_RGB2YCrCb)[..., 0]
        mixed = cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb)
        mixed[..., 0] = luminance
        painted = np.asarray(cv2.cvtColor(mixed, cv2.COLOR_YCrCb2RGB), np.uint8)
    if params.strength == 1:
        return painted
    return np.asarray(cv2.addWeighted(painted, params.strength, frame, 1 - params.strength, 0), np.uint8)


class UpscalingPipeline(Pipeline):
    """A pipeline whose pictures, mixed with their frames, go through a second engine that enlarges them.

    While one frame is enlarged, the next is painted: there are as many frames in flight as the first engine has. The
    second has one at a time, for it has all it needs to be busy with that. The engines stay their owner's to close.
    """

    def __init__(self, engine: Engine, upscaler: Engine) -> None:
        """`upscaler` takes frames of the size that `engine` gives."""
        super().__init__(engine)
        self._upscaler = upscaler

    @property
    def engines(self) -> tuple[Engine, ...]:
        return (self.engine, self._upscaler)

    def _finished(self, picture: Picture) -> Picture:
        """The picture enlarged, uint8 `(h * scale, w * scale, 3)` RGB."""
        self._upscaler.submit(picture)
        return self._upscaler.collect()


@contextmanager
def open_pipeline(
    resolved: ResolvedPipeline,
    size: tuple[int, int],
    *,
    backend: str = AUTO,
    options: EngineOptions | None = None,
    at_once: Callable[[str], None] | None = None,
) -> Iterator[Pipeline]:
    """Engines for frames of `size` (width, height), and what runs them. Raises what `open_engine` raises.

    `at_once`: the CPU begins where an engine is still to be built for the GPU, and this is told about it, from any
    thread (`engines.fallback`). Without it such a build is waited for.
    """
    options = options or EngineOptions()

    def opened(net: NetFile, size: tuple[int, int], options: EngineOptions) -> Engine:
        if at_once is None:
            return open_engine(net, size, backend=backend, options=options)
        return open_engine_at_once(net, size, backend=backend, options=options, tell=at_once)

    with ExitStack() as stack:
        engine = stack.enter_context(opened(resolved.net, size, options))
        if resolved.upscaler is None:
            yield Pipeline(engine)
            return
        second = opened(resolved.upscaler, engine.spec.output_size, replace(options, depth=1))
        yield UpscalingPipeline(engine, stack.enter_context(second))


def joined(specs: tuple[EngineSpec, ...], what: str) -> str:
    """What the engines of a pipeline have in common, or each one's own: `openvino`, `bf16 then f32`."""
    return " then ".join(dict.fromkeys(str(getattr(spec, what)) for spec in specs))
