"""Processes, counters of energy, and nvidia-smi, which has a stand-in here: no test machine has a GPU."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks.monitoring import GpuMeter, Rapl, memory_over_frames, run_rtstyle
from benchmarks.results import gpu_names, machine_facts
from engines.errors import BackendError
from realtime.stats import now_ns

_CAM = ["cam", "--net", "fast", "--source", "test-pattern", "--size", "64x48", "--headless", "--frames", "5"]
_RANGE_UJ = 1_000_000_000
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
_with_stand_in = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")


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


def test_the_caller_may_look_at_the_process_while_it_runs() -> None:
    seen: list[int] = []
    run_rtstyle(_CAM, on_reading=seen.append)
    assert len(set(seen)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much is resident")
def test_memory_early_and_at_the_end() -> None:
    figures = memory_over_frames(400, early=100)
    assert (figures["frames"], figures["size"]) == (400, "64x48")
    for key in ("mb_after_100", "mb_after_400"):
        assert 30 < float(str(figures[key])) < 2000


def _zone(folder: Path, zone: str, name: str, energy_uj: int) -> Path:
    """A zone as the kernel shows it (docs.kernel.org/power/powercap)."""
    path = folder / zone
    path.mkdir()
    (path / "name").write_text(f"{name}\n")
    (path / "max_energy_range_uj").write_text(f"{_RANGE_UJ}\n")
    (path / "energy_uj").write_text(f"{energy_uj}\n")
    return path


def test_packages_are_added_up_and_their_parts_and_the_platform_are_not(tmp_path: Path) -> None:
    packages = [_zone(tmp_path, f"intel-rapl:{n}", f"package-{n}", 5_000_000) for n in range(2)]
    others = [_zone(tmp_path, "intel-rapl:0:0", "core", 0), _zone(tmp_path, "intel-rapl:2", "psys", 0)]
    rapl = Rapl(tmp_path)
    for zone in (*packages, *others):
        (zone / "energy_uj").write_text("7500000\n")
    assert rapl.joules() == 5.0


def test_a_counter_that_begins_again_at_0_counts_on(tmp_path: Path) -> None:
    zone = _zone(tmp_path, "intel-rapl:0", "package-0", _RANGE_UJ - 1_000_000)
    rapl = Rapl(tmp_path)
    for energy_uj, joules in ((2_000_000, 3.0), (1_000_000, 1002.0)):
        (zone / "energy_uj").write_text(f"{energy_uj}\n")
        assert rapl.joules() == joules


def test_without_a_counter_there_is_no_reading(tmp_path: Path) -> None:
    assert Rapl(tmp_path).joules() is None
    zone = _zone(tmp_path, "intel-rapl:0", "package-0", 0)
    rapl = Rapl(tmp_path)
    (zone / "energy_uj").unlink()
    assert rapl.joules() is None
    assert Rapl(tmp_path).joules() is None


@pytest.fixture
def _driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia-smi").write_text(_STAND_IN)
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)


@_with_stand_in
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


@_with_stand_in
@pytest.mark.usefixtures("_driver")
def test_gpus_and_their_driver_are_facts_of_the_machine() -> None:
    assert machine_facts()["gpus"] == ["NVIDIA H200, driver 580.1", "NVIDIA T4, driver 580.1"]


@_with_stand_in
def test_without_a_driver_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_names() == []
    assert "gpus" not in machine_facts()
    with GpuMeter() as meter:
        assert meter.over(0, now_ns()) == []
