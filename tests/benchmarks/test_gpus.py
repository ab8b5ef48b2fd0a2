"""nvidia-smi has a stand-in here, which prints what a driver's own prints: no test machine has a GPU."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from benchmarks.monitoring import GpuMeter

from benchmarks.results import gpu_names, machine_facts
from realtime.stats import now_ns

_STAND_IN = """#!/bin/sh
case "$*" in
*loop-ms*)
    echo '0, NVIDIA H200, 100.00, 1500, 3201'
    echo '0, NVIDIA H200, 300.00, 1900, 3201'
    echo '1, NVIDIA T4, [N/A], 585, 405'
    echo 'No devices were found'
    exec sleep 60;;
*) echo 'NVIDIA H200, 580.1'; echo 'NVIDIA T4, 580.1';;
esac
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")


@pytest.fixture
def _driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia-smi").write_text(_STAND_IN)
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)


@pytest.mark.usefixtures("_driver")
def test_means_of_the_time_asked_for_without_what_a_gpu_does_not_tell() -> None:
    began_ns = now_ns()
    with GpuMeter() as meter:
        deadline = time.monotonic() + 10
        while len(meter.over(began_ns, now_ns())) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert meter.over(began_ns, now_ns()) == [
            {"gpu": "0: NVIDIA H200", "power_w": 200.0, "clock_mhz": 1700.0, "memory_clock_mhz": 3201.0},
            {"gpu": "1: NVIDIA T4", "clock_mhz": 585.0, "memory_clock_mhz": 405.0},
        ]
        assert meter.over(began_ns - 2, began_ns - 1) == []


@pytest.mark.usefixtures("_driver")
def test_gpus_and_their_driver_are_facts_of_the_machine() -> None:
    assert machine_facts()["gpus"] == ["NVIDIA H200, driver 580.1", "NVIDIA T4, driver 580.1"]


def test_without_a_driver_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_names() == []
    assert "gpus" not in machine_facts()
    with GpuMeter() as meter:
        assert meter.over(0, now_ns()) == []
