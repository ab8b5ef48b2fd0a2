"""Painting and then enlarging, frame by frame, as if it were one engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from engines.backends import AUTO, open_engine
from engines.contract import Engine, EngineOptions, Picture
from engines.fallback import open_engine_at_once
from engines.net_file import NetFile
from realtime.painter import Painter
from realtime.recipe import check_upscaler

__all__ = ["Chain", "open_painter"]


class Chain(Painter):
    """A painter whose pictures, mixed with their frames, go through a second engine that enlarges them.

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
def open_painter(
    net: NetFile,
    upscaler: NetFile | None,
    size: tuple[int, int],
    *,
    backend: str = AUTO,
    options: EngineOptions | None = None,
    at_once: Callable[[str], None] | None = None,
) -> Iterator[Painter]:
    """Engines for frames of `size` (width, height), and what runs them. Raises what `open_engine` raises.

    `at_once`: the CPU begins where an engine is still to be built for the GPU, and this is told about it, from any
    thread (`engines.fallback`). Without it such a build is waited for.
    """
    check_upscaler(net, upscaler)
    options = options or EngineOptions()

    def opened(net: NetFile, size: tuple[int, int], options: EngineOptions) -> Engine:
        if at_once is None:
            return open_engine(net, size, backend=backend, options=options)
        return open_engine_at_once(net, size, backend=backend, options=options, tell=at_once)

    with ExitStack() as stack:
        engine = stack.enter_context(opened(net, size, options))
        if upscaler is None:
            yield Painter(engine)
            return
        second = opened(upscaler, engine.spec.output_size, replace(options, depth=1))
        yield Chain(engine, stack.enter_context(second))
