"""Runs `rtstyle` in a process of its own, as a user does, and reads the memory, power and clocks that it takes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from engines.errors import BackendError
from realtime.stats import now_ns

__all__ = ["GpuMeter", "Rapl", "WatchedRun", "memory_over_frames", "run_rtstyle"]

_READ_EVERY_S = 0.05
_GPU_FIELDS = {"power.draw": "power_w", "clocks.sm": "clock_mhz", "clocks.mem": "memory_clock_mhz"}
"""nvidia-smi's name of what it can be asked, and ours."""
_GPU_EVERY_MS = 200
_POWERCAP = Path("/sys/class/powercap")
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True, kw_only=True)
class WatchedRun:
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


def run_rtstyle(
    arguments: list[str], *, gpus: GpuMeter | None = None, on_reading: Callable[[int], object] | None = None
) -> WatchedRun:
    """`rtstyle ARGUMENTS --json`. Raises BackendError with the command's own line where it fails.

    on_reading: called about 20 times a second with the id of the process, for readings of the caller's own.
    """
    command = [sys.executable, "-m", "rtstyle", *arguments, "--json"]
    rapl, energy, peak_mb = Rapl(), [], None
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began_ns = now_ns()
        with subprocess.Popen(command, stdout=output, stderr=errors) as process:  # noqa: S603 (our own command)
            while True:
                peak_mb = _peak_mb(process.pid) or peak_mb
                energy.append((now_ns(), rapl.joules()))
                if on_reading is not None:
                    on_reading(process.pid)
                try:
                    process.wait(_READ_EVERY_S)
                    break
                except subprocess.TimeoutExpired:
                    pass
        ended_ns = now_ns()
        if process.returncode:
            raise BackendError(_failure(arguments[0], process.returncode, _text(errors)))
        summary: dict[str, Any] = json.loads(_text(output))
    summary.pop("output", None)  # a temporary file
    worked_from_ns = ended_ns - round(summary["seconds"] * 1e9)
    return WatchedRun(
        summary=summary,
        wall_s=round((ended_ns - began_ns) / 1e9, 3),
        peak_mb=peak_mb,
        cpu_w=_watts([sample for sample in energy if sample[0] >= worked_from_ns]),
        gpus=[] if gpus is None else gpus.over(worked_from_ns, ended_ns),
    )


def memory_over_frames(frames: int = 20_000, *, early: int = 1000, size: str = "64x48") -> dict[str, object]:
    """Megabytes of `rtstyle cam` after about `early` frames and after `frames`: an installation runs for weeks.

    At a small size, so that it takes minutes. Linux only. The frames are counted by time: the run's own rate says
    when `early` had passed.
    """
    samples: list[tuple[float, float]] = []

    def read_memory(pid: int) -> None:
        if resident := _resident_mb(pid):  # 0 where the process has ended and nobody has waited for it yet
            samples.append((time.monotonic(), resident))

    command = [
        "cam",
        "--net",
        "fast",
        "--source",
        "test-pattern",
        "--size",
        size,
        "--headless",
        "--frames",
        str(frames),
    ]
    summary = run_rtstyle(command, on_reading=read_memory).summary
    ended = samples[-1][0]
    early_at = ended - summary["seconds"] * (1 - early / frames)
    after_early = min(samples, key=lambda sample: abs(sample[0] - early_at))[1]
    late = [megabytes for at, megabytes in samples if at > ended - 0.05 * summary["seconds"]]
    return {
        "frames": frames,
        "size": size,
        "fps": summary["fps"],
        f"mb_after_{early}": round(after_early, 1),
        f"mb_after_{frames}": round(sorted(late)[len(late) // 2], 1),
    }


def _peak_mb(pid: int) -> float | None:
    """The kernel's own mark of the most that was resident since the program was started."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    except (OSError, ValueError):
        pass  # no Linux, or it has just ended
    return None


def _resident_mb(pid: int) -> float | None:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE / 2**20
    except (OSError, IndexError):
        return None


def _watts(energy: list[tuple[int, float | None]]) -> float | None:
    if len(energy) < 2:
        return None
    (begin_ns, first), (end_ns, last) = energy[0], energy[-1]
    return None if first is None or last is None else round((last - first) * 1e9 / (end_ns - begin_ns), 1)


def _failure(command: str, code: int, errors: str) -> str:
    lines = [line.removeprefix("rtstyle: ") for line in errors.splitlines() if line.strip()]
    return f"rtstyle {command} failed: {lines[-1] if lines else f'exit code {code}'}"


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


class Rapl:
    """The processors' own energy counters, where they can be read: Linux on x86, and mostly only for root.

    Those of all packages together (Running Average Power Limit; AMD's have the same names as Intel's). The zones
    inside a package and the whole platform's zone are left out: they count the same energy again.
    """

    def __init__(self, folder: Path = _POWERCAP) -> None:
        self._zones: list[_Zone] = []
        for path in sorted(folder.glob("intel-rapl:*")):
            with suppress(OSError, ValueError):  # not for this user: then there is no reading
                if (path / "name").read_text(encoding="ascii").startswith("package"):
                    self._zones.append(_Zone(path))

    def joules(self) -> float | None:
        """Energy since this object was made; None where no counter can be read. To be asked once a minute or more."""
        try:
            return sum(zone.joules() for zone in self._zones) if self._zones else None
        except (OSError, ValueError):
            return None


class _Zone:
    def __init__(self, folder: Path) -> None:
        self._counter = folder / "energy_uj"
        self._range_uj = _read_int(folder / "max_energy_range_uj")
        self._last_uj = _read_int(self._counter)
        self._total_uj = 0

    def joules(self) -> float:
        now_uj = _read_int(self._counter)
        passed = now_uj - self._last_uj
        self._total_uj += passed if passed >= 0 else passed + self._range_uj  # the counter begins again at 0
        self._last_uj = now_uj
        return self._total_uj / 1e6


def _read_int(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))


class GpuMeter:
    """Samples power and clocks five times a second, in a thread, while it is open.

    It asks nvidia-smi, which comes with the driver: without it there are no readings.
    """

    def __init__(self) -> None:
        self._samples: list[tuple[int, str, dict[str, float]]] = []
        """(time in ns, index and name of the GPU, readings). The thread appends, others copy."""
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._read, name="rtstyle-nvidia-smi", daemon=True)

    def over(self, begin_ns: int, end_ns: int) -> list[dict[str, object]]:
        """For each GPU the means of what could be read from `begin_ns` to `end_ns`, times of `now_ns`."""
        found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for at_ns, gpu, readings in list(self._samples):
            if begin_ns <= at_ns <= end_ns:
                for field, value in readings.items():
                    found[gpu][field].append(value)
        return [
            {"gpu": gpu, **{field: round(statistics.fmean(values), 1) for field, values in fields.items()}}
            for gpu, fields in sorted(found.items())
        ]

    def __enter__(self) -> GpuMeter:
        query = ",".join(("index", "name", *_GPU_FIELDS))
        command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits", f"--loop-ms={_GPU_EVERY_MS}"]
        with suppress(OSError):  # not there: no readings
            self._process = subprocess.Popen(  # noqa: S603 (our own command)
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            sample = _sample(line)
            if sample is not None:
                self._samples.append((now_ns(), *sample))


def _sample(line: str) -> tuple[str, dict[str, float]] | None:
    """The GPU and its readings from `0, NVIDIA H200, 75.01, 345, 3201`; what a GPU does not tell is `[N/A]`."""
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != 2 + len(_GPU_FIELDS):
        return None
    readings = {}
    for field, text in zip(_GPU_FIELDS.values(), parts[2:], strict=True):
        with suppress(ValueError):
            readings[field] = float(text)
    return f"{parts[0]}: {parts[1]}", readings
