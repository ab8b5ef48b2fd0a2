"""Threads that work together, and the queues between them.

The first thread to fail stops the others. A bounded queue loses nothing, for files; a mailbox keeps the newest, for
live pictures.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

from realtime.stats import now_ns

__all__ = ["BoundedQueue", "Closed", "Mailbox", "TaskGroup"]

T = TypeVar("T")


class Closed(Exception):  # noqa: N818 (it ends a loop, it is no error)
    """The other side has gone: nothing more can be put, or nothing is left to get. Not an error of its own."""


class BoundedQueue(Generic[T]):
    """Nothing is dropped: `put` waits for room, `get` waits for something. One lock guards all state."""

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque()
        self._size = size
        self._closed = False
        self._changed = threading.Condition()
        self.put_waited_ns = self.get_waited_ns = 0
        """How long `put` has waited for room, and `get` for something. Written under the lock, read by anyone."""

    def put(self, item: T) -> None:
        """Raises Closed after `close` or `abort`."""
        with self._changed:
            began_ns = 0
            while len(self._items) >= self._size and not self._closed:
                began_ns = began_ns or now_ns()
                self._changed.wait()
            if began_ns:
                self.put_waited_ns += now_ns() - began_ns
            if self._closed:
                raise Closed
            self._items.append(item)
            self._changed.notify_all()

    def get(self) -> T:
        """Raises Closed when nothing is left and nothing can come any more."""
        with self._changed:
            began_ns = 0
            while not self._items and not self._closed:
                began_ns = began_ns or now_ns()
                self._changed.wait()
            if began_ns:
                self.get_waited_ns += now_ns() - began_ns
            if not self._items:
                raise Closed
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """No more items: what is inside can still be got."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """No more items, and those inside are thrown away."""
        with self._changed:
            self._items.clear()
            self._closed = True
            self._changed.notify_all()


class Mailbox(Generic[T]):
    """Room for one item: a newer one takes the place of one that was not fetched, which counts as dropped."""

    def __init__(self) -> None:
        self._item: T | None = None
        self._closed = False
        self._changed = threading.Condition()
        self.dropped = 0
        """Items that were replaced before anyone fetched them. Written under the lock, read by anyone."""

    def put(self, item: T) -> None:
        """Never waits. Raises Closed after `close`."""
        with self._changed:
            if self._closed:
                raise Closed
            if self._item is not None:
                self.dropped += 1
            self._item = item
            self._changed.notify_all()

    def get(self, timeout_s: float | None = None) -> T | None:
        """The newest item, or None after `timeout_s` without one. Raises Closed when none can come any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout_s)
            item, self._item = self._item, None
            if item is None and self._closed:
                raise Closed
            return item

    def close(self) -> None:
        """No more items: one that is inside can still be got."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


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
