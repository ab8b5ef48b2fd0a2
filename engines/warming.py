"""A picture at once: the CPU paints while a GPU engine is being built, then the GPU takes over."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from engines.backends import AUTO, open_engine, reports
from engines.contract import Engine, EngineOptions, EngineSpec, Picture, StyleVector
from engines.errors import RtStyleError
from engines.net_file import NetFile

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self needs Python 3.11

__all__ = ["WarmingEngine", "open_engine_at_once"]

_log = logging.getLogger(__name__)
_BUILT = ("tensorrt", "tensorrt-rtx")
"""Backends that may have to build for a minute."""
_MEANWHILE = "openvino"


def open_engine_at_once(
    net: NetFile, size: tuple[int, int], *, backend: str = AUTO, options: EngineOptions | None = None
) -> Engine:
    """As `engines.backends.open_engine`, but with `auto` the CPU begins where the GPU's engine is still to be built.

    A backend that is named is waited for: named means used. Raises what `open_engine` raises.
    """
    options = options or EngineOptions()
    chosen = next((report.name for report in reports() if report.usable), None) if backend == AUTO else None
    if chosen not in _BUILT:
        return open_engine(net, size, backend=backend, options=options)
    from engines.nvidia.open import is_built

    if is_built(chosen, net, size, options):
        return open_engine(net, size, backend=chosen, options=options)
    _log.warning("the CPU paints (%s) while %s builds an engine for this size", _MEANWHILE, chosen)
    meanwhile = EngineOptions(depth=options.depth, threads=options.threads, cache=options.cache)

    def make(cancelled: threading.Event) -> Engine:
        built = EngineOptions(
            precision=options.precision, depth=options.depth, cache=options.cache, cancelled=cancelled
        )
        return open_engine(net, size, backend=chosen, options=built)

    return WarmingEngine(open_engine(net, size, backend=_MEANWHILE, options=meanwhile), make)


class WarmingEngine:
    """An Engine that hands over to a better one in the middle of the stream: no frame is lost, none out of order.

    `spec` is that of the engine which takes the next frame. If the better one cannot be made, that is said and the
    first goes on.
    """

    def __init__(self, first: Engine, make: Callable[[threading.Event], Engine]) -> None:
        """make: called in a thread of its own; its argument is set when nobody waits for it any more."""
        self._current, self._make = first, make
        self.spec: EngineSpec = first.spec
        self.depth = first.depth
        self._owners: deque[Engine] = deque()
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._next: Engine | None = None  # guarded by the lock
        self._closed = False
        self._maker = threading.Thread(target=self._run, name="rtstyle-warming", daemon=True)
        self._maker.start()

    def submit(self, frame: Picture, style: StyleVector | None = None) -> None:
        if self._closed:
            raise RuntimeError("the engine is closed")
        if len(self._owners) == self.depth:
            raise RuntimeError(f"{self.depth} frames are in flight already: collect one first")
        with self._lock:
            better, self._next = self._next, None
        if better is not None:
            before, self._current, self.spec = self._current, better, better.spec
            if before not in self._owners:
                before.close()
            _log.warning("%s paints from here on, on %s", better.spec.backend, better.spec.device)
        self._current.submit(frame, style)
        self._owners.append(self._current)

    def collect(self, out: Picture | None = None) -> Picture:
        if not self._owners:
            raise RuntimeError("nothing is in flight: submit a frame first")
        owner = self._owners[0]
        picture = owner.collect(out)
        self._owners.popleft()
        if owner is not self._current and owner not in self._owners:
            owner.close()
        return picture

    def close(self) -> None:
        """Stops the build; waits for it and for what is in flight."""
        if self._closed:
            return
        self._closed = True
        self._cancelled.set()
        self._maker.join()
        engines = {id(engine): engine for engine in (*self._owners, self._current, self._next) if engine is not None}
        self._owners.clear()
        for engine in engines.values():
            engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except Exception:
            if error is None:
                raise

    def _run(self) -> None:
        try:
            better = self._make(self._cancelled)
        except RtStyleError as error:
            if not self._cancelled.is_set():
                _log.warning("no engine for the GPU, %s goes on: %s", self.spec.backend, error)
            return
        with self._lock:
            self._next = better
