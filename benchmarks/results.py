"""Figures, the machine that they were measured on, and the files in results/ that hold both."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from engines.errors import BadInputError

__all__ = [
    "RESULTS",
    "Spread",
    "compare_results",
    "gpu_names",
    "latency_of",
    "machine_facts",
    "read_result",
    "rows_of",
    "size_text",
    "write_result",
]

RESULTS = Path(__file__).parent / "results"
"""The folder of the results that are committed."""
_PACKAGES = ["rtstyle", "openvino", "onnxruntime", "tensorrt", "tensorrt-rtx", "torch", "av", "opencv-python", "numpy"]
"""Whose versions belong to a figure."""
_NVIDIA_SMI_TIMEOUT_S = 20


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One figure, such as frames per second, over several runs."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def over(cls, values: Sequence[float]) -> Spread:
        """Of one value or more, rounded to hundredths."""
        return cls(
            median=round(statistics.median(values), 2), lowest=round(min(values), 2), highest=round(max(values), 2)
        )


def size_text(size: Sequence[int]) -> str:
    """`640x480`."""
    return f"{size[0]}x{size[1]}"


def machine_facts() -> dict[str, object]:
    """Processor, cores, GPUs if any, system, versions and date, as JSON values."""
    gpus = gpu_names()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        **({"gpus": gpus} if gpus else {}),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
    }


def gpu_names() -> list[str]:
    """Name and driver of each GPU, from nvidia-smi; none without it."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],  # noqa: S607 (on the PATH)
            capture_output=True,
            text=True,
            check=True,
            timeout=_NVIDIA_SMI_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    pairs = (line.rpartition(",") for line in done.stdout.splitlines())
    return [f"{name.strip()}, driver {driver.strip()}" for name, comma, driver in pairs if comma]


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def write_result(name: str, figures: dict[str, object]) -> Path:
    """Write `results/NAME.json`: the figures and the machine."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine_facts(), **figures}, indent=2) + "\n", encoding="utf-8")
    return path


def read_result(path: Path) -> dict[str, Any]:
    """The object in the file. Raises BadInputError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise BadInputError(f"{path}: expected JSON, as `rtstyle bench fps --json` prints it") from error
    if not isinstance(found, dict) or not isinstance(found.get("machine"), dict):
        raise BadInputError(f"{path}: expected results with the machine they were measured on, as --json prints them")
    return found


def rows_of(result: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows of a sweep; results of one combination are a sweep of one row. `name` is for the error."""
    rows = result["rows"] if "rows" in result else [dict(result)]
    if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise BadInputError(f"{name}: expected results of rtstyle bench fps, got others")
    return rows


def latency_of(row: Mapping[str, Any]) -> dict[str, float]:
    """p50, p95 and p99 of the time from capture to shown, in ms; results of version 0.1 have those of the last run."""
    found: dict[str, float] = row.get("latency_ms") or row["last_run"]["latency_ms"]
    return found


def _is_row(row: object) -> bool:
    keys = {"net", "size"}
    return isinstance(row, dict) and keys <= set(row) and ("reason" in row or {"engine", "cam_fps"} <= set(row))


def compare_results(first: Mapping[str, Any], second: Mapping[str, Any], names: tuple[str, str]) -> dict[str, Any]:
    """What differs between the machines and versions, and the ratios, second over first, of rows that are in both.

    Rows match by net, size, backend and precision. `clear` says that the runs of one lie all above those
    of the other; otherwise the ratio may be chance. Raises BadInputError for other results; `names` are for its text.
    """
    left, right = (
        {_key(row): row for row in _measured(result, name)} for result, name in zip((first, second), names, strict=True)
    )
    return {
        "files": list(names),
        "differs": _differences(first, second),
        "rows": [{**_facts(key), **_ratios(left[key], right[key])} for key in left if key in right],
        "only_in_first": [" ".join(key) for key in left if key not in right],
        "only_in_second": [" ".join(key) for key in right if key not in left],
    }


def _measured(result: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return [row for row in rows_of(result, name) if "reason" not in row]


def _key(row: Mapping[str, Any]) -> tuple[str, ...]:
    engine = row["engine"]
    return str(row["net"]), size_text(row["size"]), str(engine["backend"]), str(engine["precision"])


def _facts(key: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(("net", "size", "backend", "precision"), key, strict=True))


def _ratios(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    rates = {what: _against(first[f"{what}_fps"], second[f"{what}_fps"]) for what in ("bare", "cam")}
    return {**rates, "latency_ratio": round(latency_of(second)["p50"] / latency_of(first)["p50"], 3)}


def _against(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, Any]:
    return {
        "first": first["median"],
        "second": second["median"],
        "ratio": round(second["median"] / first["median"], 3),
        "clear": second["lowest"] > first["highest"] or second["highest"] < first["lowest"],
    }


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """One line for each fact of the machine that is not the same, the date left out."""
    left, right = _flat(first["machine"]), _flat(second["machine"])
    return [
        f"{name}: {left.get(name, 'not there')} / {right.get(name, 'not there')}"
        for name in dict.fromkeys((*left, *right))
        if left.get(name) != right.get(name)
    ]


def _flat(machine: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {name: value for name, value in machine.items() if name not in ("date", "packages")}
    packages: Mapping[str, Any] = machine.get("packages", {})
    return {**facts, **packages}
