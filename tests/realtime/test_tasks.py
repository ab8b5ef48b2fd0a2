from __future__ import annotations

import threading

import pytest

from realtime.tasks import BoundedQueue, TaskGroup


def test_an_exception_in_one_thread_stops_the_others_and_is_raised() -> None:
    queue = BoundedQueue[int](1)
    ended = threading.Event()

    def waits() -> None:
        try:
            queue.get()
        finally:
            ended.set()

    def fails() -> None:
        raise ValueError("the disk is full")

    with pytest.raises(ValueError, match="the disk is full"), TaskGroup() as tasks:
        tasks.on_stop(queue.abort)
        tasks.start("waits", waits)
        tasks.start("fails", fails)
        tasks.wait()
    assert ended.is_set()


def test_the_bodys_own_error_is_not_masked_by_a_threads() -> None:
    def fails() -> None:
        raise ValueError("later")

    def body() -> None:
        with TaskGroup() as tasks:
            tasks.start("fails", fails)
            raise KeyError("first")

    with pytest.raises(KeyError, match="first"):
        body()


def test_leaving_the_block_stops_threads_that_look_at_stopping() -> None:
    with TaskGroup() as tasks:
        tasks.start("loops", lambda: [None for _ in iter(lambda: tasks.stopping.wait(0.01), True)])  # type: ignore[misc]
    assert not [thread for thread in threading.enumerate() if thread.name == "rtstyle-loops"]


def test_wait_returns_when_all_are_done() -> None:
    done: list[int] = []
    with TaskGroup() as tasks:
        tasks.start("one", lambda: done.append(1))
        tasks.start("two", lambda: done.append(2))
        tasks.wait()
    assert sorted(done) == [1, 2]
