"""Runs `rtstyle` in a process of its own, as a user does, and watches what it takes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.gpus import GpuMeter
from benchmarks.rapl import Rapl
from engines.errors import BackendError
from realtime.stats import now_ns

__all__ = ["Watched", "watched_run"]

_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A run that has ended. What could not be read here is None or empty, never a guess."""

    summary: dict[str, Any]
    """What the command printed with --json."""
    wall_s: float
    """From the start of the process to its end."""
    peak_mb: float | None
    """Most resident memory, MiB. Linux only."""
    cpu_w: float | None
    """Of all processor packages, the mean of the time that the summary's `seconds` are about."""
    gpus: list[dict[str, object]]
    """The same of each GPU, and its clocks."""


def watched_run(arguments: list[str], *, gpus: GpuMeter | None = None) -> Watched:
    """`rtstyle ARGUMENTS --json`. Raises BackendError with the command's own line where it fails."""
    command = [sys.executable, "-m", "rtstyle", *arguments, "--json"]
    rapl, energy, peak_mb = Rapl(), [], None
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as complaints:
        began_ns = now_ns()
        with subprocess.Popen(command, stdout=told, stderr=complaints) as process:  # noqa: S603 (our own command)
            while True:
                peak_mb = _peak_mb(process.pid) or peak_mb
                energy.append((now_ns(), rapl.joules()))
                try:
                    process.wait(_LOOK_EVERY_S)
                    break
                except subprocess.TimeoutExpired:
                    pass
        ended_ns = now_ns()
        if process.returncode:
            raise BackendError(_failure(arguments[0], process.returncode, _text(complaints)))
        summary: dict[str, Any] = json.loads(_text(told))
    summary.pop("output", None)  # a temporary file
    worked_from_ns = ended_ns - round(summary["seconds"] * 1e9)
    return Watched(
        summary=summary,
        wall_s=round((ended_ns - began_ns) / 1e9, 3),
        peak_mb=peak_mb,
        cpu_w=_watts([sample for sample in energy if sample[0] >= worked_from_ns]),
        gpus=[] if gpus is None else gpus.over(worked_from_ns, ended_ns),
    )


def _peak_mb(pid: int) -> float | None:
    """The kernel's own mark of the most that was resident since the program was started."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    except (OSError, ValueError):
        pass  # no Linux, or it has just ended
    return None


def _watts(energy: list[tuple[int, float | None]]) -> float | None:
    if len(energy) < 2:
        return None
    (begin_ns, first), (end_ns, last) = energy[0], energy[-1]
    return None if first is None or last is None else round((last - first) * 1e9 / (end_ns - begin_ns), 1)


def _failure(command: str, code: int, complaints: str) -> str:
    lines = [line.removeprefix("rtstyle: ") for line in complaints.splitlines() if line.strip()]
    return f"rtstyle {command} failed: {lines[-1] if lines else f'exit code {code}'}"


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
