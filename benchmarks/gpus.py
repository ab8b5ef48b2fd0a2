"""What nvidia-smi, which comes with the driver, says of the GPUs: nothing where there is none."""

from __future__ import annotations

import statistics
import subprocess
import threading
from collections import defaultdict
from contextlib import suppress
from types import TracebackType

from realtime.stats import now_ns

__all__ = ["GpuMeter", "gpu_names"]

_FIELDS = {"power.draw": "power_w", "clocks.sm": "clock_mhz", "clocks.mem": "memory_clock_mhz"}
"""nvidia-smi's name of what it can be asked, and ours."""
_EVERY_MS = 200
_TIMEOUT_S = 20


def gpu_names() -> list[str]:
    """Name and driver of each GPU."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],  # noqa: S607 (on the PATH)
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    pairs = (line.rpartition(",") for line in done.stdout.splitlines())
    return [f"{name.strip()}, driver {driver.strip()}" for name, comma, driver in pairs if comma]


class GpuMeter:
    """Samples power and clocks five times a second, in a thread, while it is open."""

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
        query = ",".join(("index", "name", *_FIELDS))
        command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits", f"--loop-ms={_EVERY_MS}"]
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
    if len(parts) != 2 + len(_FIELDS):
        return None
    readings = {}
    for field, text in zip(_FIELDS.values(), parts[2:], strict=True):
        with suppress(ValueError):
            readings[field] = float(text)
    return f"{parts[0]}: {parts[1]}", readings
