from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

try:
    import torch
except ImportError:  # the test modules skip themselves, with the reason
    torch = None  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """These nets are so small that threads mostly wait for each other; and equal numbers of threads, equal sums."""
    if torch is None:
        yield
        return
    threads, named = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    yield
    torch.set_num_threads(threads)
    if named is None:
        del os.environ["OMP_NUM_THREADS"]
    else:
        os.environ["OMP_NUM_THREADS"] = named
