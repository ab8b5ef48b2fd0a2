"""How many threads every program gets, and whether the cores are free for them."""

from __future__ import annotations

import os

from engines.errors import BadInputError

__all__ = ["busy_cores", "checked_threads"]


def busy_cores() -> float | None:
    """How many cores other programs kept busy in the last minute; None where the system does not say."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def checked_threads(threads: int | None) -> int:
    """`threads` as they were asked for, None: one for each core that this process may use. Raises BadInputError.

    Some programs have no setting for it: fewer threads than cores are possible where a process can be kept to some.
    """
    can_be_kept = hasattr(os, "sched_setaffinity")  # Linux
    cores = len(os.sched_getaffinity(0)) if can_be_kept else os.cpu_count() or 1
    if threads is None:
        return cores
    if threads > cores or (threads < cores and not can_be_kept):
        expected = f"1 to {cores}" if can_be_kept else f"{cores}, as this system keeps no process to some of its cores"
        raise BadInputError(f"expected threads: {expected}, got {threads}")
    return threads
