"""Waiting for something to come true, instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_until"]


def wait_until(true: Callable[[], object], timeout_s: float = 60) -> None:
    """Fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.005)
