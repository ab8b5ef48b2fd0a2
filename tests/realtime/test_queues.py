from __future__ import annotations

import threading
import time

import pytest

from realtime.tasks import BoundedQueue, Closed, Mailbox


def _after(delay_s: float, work: object) -> threading.Thread:
    thread = threading.Timer(delay_s, work)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_queue_gives_items_in_order_and_then_closes() -> None:
    queue = BoundedQueue[int](3)
    for number in range(3):
        queue.put(number)
    queue.close()
    assert [queue.get() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(Closed):
        queue.get()


def test_queue_put_waits_for_room() -> None:
    queue = BoundedQueue[int](1)
    queue.put(1)
    started = time.monotonic()
    timer = _after(0.1, queue.get)
    queue.put(2)
    assert time.monotonic() - started >= 0.09
    timer.join()
    assert queue.get() == 2


@pytest.mark.parametrize("end", ["close", "abort"])
def test_ending_a_queue_wakes_a_waiting_put(end: str) -> None:
    queue = BoundedQueue[int](1)
    queue.put(1)
    timer = _after(0.05, getattr(queue, end))
    with pytest.raises(Closed):
        queue.put(2)
    timer.join()


def test_abort_throws_items_away() -> None:
    queue = BoundedQueue[int](2)
    queue.put(1)
    queue.abort()
    with pytest.raises(Closed):
        queue.get()


def test_mailbox_keeps_the_newest_and_counts_the_rest() -> None:
    mailbox = Mailbox[int]()
    for number in range(5):
        mailbox.put(number)
    assert mailbox.get() == 4
    assert mailbox.dropped == 4
    assert mailbox.get(timeout_s=0.01) is None


def test_closed_mailbox_gives_its_last_item_and_then_raises() -> None:
    mailbox = Mailbox[int]()
    mailbox.put(7)
    mailbox.close()
    assert mailbox.get() == 7
    with pytest.raises(Closed):
        mailbox.get()
    with pytest.raises(Closed):
        mailbox.put(8)


def test_mailbox_get_wakes_when_an_item_comes() -> None:
    mailbox = Mailbox[int]()
    timer = _after(0.05, lambda: mailbox.put(3))
    assert mailbox.get(timeout_s=5) == 3
    timer.join()


def test_queue_says_how_long_each_side_has_waited() -> None:
    queue = BoundedQueue[int](1)
    queue.put(1)
    timer = _after(0.1, queue.get)
    queue.put(2)
    timer.join()
    assert 0.09e9 <= queue.put_waited_ns < 5e9
    assert queue.get() == 2
    assert queue.get_waited_ns == 0
    timer = _after(0.1, queue.close)
    with pytest.raises(Closed):
        queue.get()
    timer.join()
    assert 0.09e9 <= queue.get_waited_ns < 5e9
