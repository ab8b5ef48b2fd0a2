"""The fallback engine: the CPU paints while a GPU engine is being built, then the GPU's is swapped in."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from engines.backends import AUTO, BUILT, builder, open_engine, reports
from engines.contract import Engine, EngineOptions, EngineSpec, Picture, StyleVector
from engines.errors import RtStyleError
from engines.lifecycle import Closing
from engines.net_file import NetFile

__all__ = ["BUILDING", "DONE", "FAILED", "FallbackEngine", "HotSwap", "open_engine_at_once"]

BUILDING, DONE, FAILED = "building", "done", "failed"
_log = logging.getLogger(__name__)
_MEANWHILE = "openvino"
_NOT_ON_THE_CPU = ("f16",)
_ONE_BUILD = threading.Lock()
"""Two builds at once would spoil the times that each measures its kernels by."""


@dataclass(frozen=True, kw_only=True)
class HotSwap:
    """How far the change from one engine to a better one has come."""

    net: str
    title: str
    """What is to take over, in words."""
    state: str
    """BUILDING; DONE: the better one paints; FAILED: the first one goes on."""
    seconds: float
    """How long it has taken so far, or took until the better one was ready or had failed."""
    reason: str = ""
    """Why it failed."""

    @property
    def line(self) -> str:
        """One line for the viewer."""
        if self.state == DONE:
            return f"now on {self.title}, net {self.net}, after {self.seconds:.0f} s"
        if self.state == FAILED:
            return f"no {self.title} engine for net {self.net}, the CPU goes on: {self.reason}"
        return f"{self.title} engine for net {self.net} is being built, the CPU paints: {self.seconds:.0f} s"


def open_engine_at_once(
    net: NetFile,
    size: tuple[int, int],
    *,
    backend: str = AUTO,
    options: EngineOptions | None = None,
    tell: Callable[[str], None] | None = None,
) -> Engine:
    """Like `engines.backends.open_engine`, but with `auto` the CPU paints while the GPU's engine is still to be built.

    A backend that is named is waited for: named means used. `tell` gets a line at the beginning and at the end of the
    build, from any thread; without it the lines are logged. Raises what `open_engine` raises.
    """
    options = options or EngineOptions()
    chosen = next((report.name for report in reports() if report.usable), None) if backend == AUTO else None
    if chosen not in BUILT:
        return open_engine(net, size, backend=backend, options=options)
    better = builder(chosen)
    if better.is_ready(net, size, options):
        return open_engine(net, size, backend=chosen, options=options)
    precision = None if options.precision in _NOT_ON_THE_CPU else options.precision
    meanwhile = EngineOptions(precision=precision, depth=options.depth, threads=options.threads, cache=options.cache)

    def make(cancelled: threading.Event) -> Engine:
        built = EngineOptions(
            precision=options.precision, depth=options.depth, cache=options.cache, cancelled=cancelled
        )
        return open_engine(net, size, backend=chosen, options=built)

    first = open_engine(net, size, backend=_MEANWHILE, options=meanwhile)
    return FallbackEngine(first, make, title=better.TITLE, tell=tell)


class FallbackEngine(Closing):
    """An Engine that a better one replaces in mid-stream: no frame is lost, and none comes out of order.

    `spec` is that of the engine which takes the next frame. If the better one cannot be made, that is said and the
    first goes on.
    """

    def __init__(
        self,
        first: Engine,
        make: Callable[[threading.Event], Engine],
        *,
        title: str,
        tell: Callable[[str], None] | None = None,
        patience_s: float = 1.0,
    ) -> None:
        """make: called in a thread of its own; its argument is set once nobody waits for it any more.

        title: what is made, in words. tell: as for `open_engine_at_once`. patience_s: how long somebody who closes the
        engine waits without being told what for.
        """
        self._current, self._make = first, make
        self._title, self._tell, self._patience_s = title, tell or _log.warning, patience_s
        self.spec: EngineSpec = first.spec
        self.depth = first.depth
        self._owners: deque[Engine] = deque()
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._next: Engine | None = None  # guarded by the lock, as the four below
        self._began_s, self._ended_s = time.monotonic(), 0.0
        self._state, self._reason = BUILDING, ""
        self._closed = False
        self._tell(self.swap.line)
        self._maker = threading.Thread(target=self._run, name="rtstyle-fallback", daemon=True)
        self._maker.start()

    @property
    def swap(self) -> HotSwap:
        """How far it is. For any thread."""
        with self._lock:
            seconds = round((self._ended_s or time.monotonic()) - self._began_s, 1)
            return HotSwap(
                net=self.spec.net.name, title=self._title, state=self._state, seconds=seconds, reason=self._reason
            )

    def wait_ready(self, timeout_s: float | None = None) -> bool:
        """Wait until the better engine is made or has failed; it takes the next frame. Returns whether that is so."""
        self._maker.join(timeout_s)
        return not self._maker.is_alive()

    def submit(self, frame: Picture, style: StyleVector | None = None) -> None:
        if self._closed:
            raise RuntimeError("the engine is closed")
        if len(self._owners) == self.depth:
            raise RuntimeError(f"{self.depth} frames are in flight already: collect one first")
        with self._lock:
            better, self._next = self._next, None
        if better is not None:
            self._swap_in(better)
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
        self._maker.join(self._patience_s)
        if self._maker.is_alive():
            self._tell(f"waiting for the build of the {self._title} engine to stop")
            self._maker.join()
        engines = {id(engine): engine for engine in (*self._owners, self._current, self._next) if engine is not None}
        self._owners.clear()
        for engine in engines.values():
            engine.close()

    def _swap_in(self, better: Engine) -> None:
        before, self._current, self.spec = self._current, better, better.spec
        if before not in self._owners:
            before.close()
        with self._lock:
            self._state = DONE
        self._tell(self.swap.line)

    def _run(self) -> None:
        """The maker's thread. Whatever it meets, the first engine goes on and the viewer is told."""
        while not _ONE_BUILD.acquire(timeout=0.1):
            if self._cancelled.is_set():
                return
        try:
            better = self._make(self._cancelled)
        except RtStyleError as error:
            self._fail(error.full_text)
        except Exception as error:  # a vendor's own: no reason to stop a picture that runs
            self._fail(" ".join(f"{type(error).__name__}: {error}".split()))
        else:
            with self._lock:
                self._next, self._ended_s = better, time.monotonic()
        finally:
            _ONE_BUILD.release()

    def _fail(self, reason: str) -> None:
        if self._cancelled.is_set():
            return
        with self._lock:
            self._state, self._reason, self._ended_s = FAILED, reason, time.monotonic()
        self._tell(self.swap.line)
