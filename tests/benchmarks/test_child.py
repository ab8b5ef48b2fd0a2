from __future__ import annotations

import sys

import pytest
from benchmarks.monitoring import run_rtstyle

from engines.errors import BackendError

_CAM = ["cam", "--net", "fast", "--source", "test-pattern", "--size", "64x48", "--headless", "--frames", "5"]


def test_a_run_is_watched_from_start_to_end() -> None:
    run = run_rtstyle(_CAM)
    assert run.summary["shown"] == 5
    assert run.wall_s > run.summary["seconds"]
    if sys.platform == "linux":
        assert run.peak_mb is not None
        assert 30 < run.peak_mb < 2000
    assert run.gpus == []


def test_a_command_that_fails_is_an_error_with_its_own_line() -> None:
    with pytest.raises(
        BackendError, match=r"^rtstyle cam failed: net fast has no style called 'undie', did you mean udnie\?$"
    ):
        run_rtstyle([*_CAM, "--style", "undie"])
