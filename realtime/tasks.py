"""Threads that work together: the first one to fail stops the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from realtime.queues import Closed

__all__ = ["TaskGroup"]


class TaskGroup:
    """Named threads; the first exception in one stops all, and the `with` block raises it after the join.

    `on_stop` functions wake whoever waits: they close queues, and are called once, from any thread.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        """Set when the group is to end early; long loops look at it."""
        self._threads: list[threading.Thread] = []
        self._wakers: list[Callable[[], None]] = []
        self._error: BaseException | None = None
        self._lock = threading.Lock()

    def on_stop(self, wake: Callable[[], None]) -> None:
        self._wakers.append(wake)

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run `work` in a thread called `rtstyle-NAME`."""
        thread = threading.Thread(target=self._run, args=(work,), name=f"rtstyle-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """End early: wake everyone. May be called often and from any thread."""
        with self._lock:
            if self.stopping.is_set():
                return
            self.stopping.set()
        for wake in self._wakers:
            wake()

    def check(self) -> None:
        """Raise the exception that a thread has met, if any."""
        if self._error is not None:
            raise self._error

    def wait(self) -> None:
        """Wait until every thread has ended; raise what one has met. A KeyboardInterrupt gets through at once."""
        for thread in self._threads:
            while thread.is_alive():
                thread.join(0.1)  # a join without end would keep Ctrl-C waiting on Windows
        self.check()

    def __enter__(self) -> TaskGroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        for thread in self._threads:
            thread.join()
        if error is None:
            self.check()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Closed:
            pass  # a peer has gone; its own exception, if any, is stored by its own thread
        except BaseException as error:
            with self._lock:
                if self._error is None:
                    self._error = error
            self.stop()
