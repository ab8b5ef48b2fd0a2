"""What a figure was measured on."""

from __future__ import annotations

import datetime
import json
import os
import platform
from importlib import metadata
from pathlib import Path

from benchmarks.gpus import gpu_names

__all__ = ["RESULTS", "machine_facts", "write_result"]

RESULTS = Path(__file__).parent / "results"
_PACKAGES = (
    "rtstyle",
    "openvino",
    "onnxruntime",
    "tensorrt",
    "tensorrt-rtx",
    "torch",
    "av",
    "opencv-python",
    "numpy",
)


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


def write_result(name: str, figures: dict[str, object]) -> Path:
    """Write `results/NAME.json`: the figures and the machine."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine_facts(), **figures}, indent=2) + "\n", encoding="utf-8")
    return path


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
