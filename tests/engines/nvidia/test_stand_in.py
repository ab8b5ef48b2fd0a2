"""The real CUDA bindings and our engine code, over a stand-in for the driver, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from engines.errors import MissingPackageError
from engines.nvidia.cuda import installed_binding

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]


def _has_bindings() -> bool:
    try:
        return bool(installed_binding("cuda-bindings"))
    except MissingPackageError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="the stand-in driver is a Linux library")
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler (cc) to make the stand-in driver")
@pytest.mark.skipif(not _has_bindings(), reason='needs cuda-bindings: pip install "rtstyle[tensorrt-rtx]"')
@pytest.mark.skipif(find_spec("openvino") is None, reason="needs openvino")
def test_bindings_and_engines_over_a_stand_in_driver(tmp_path: Path) -> None:
    library = tmp_path / "libcuda.so.1"
    compiler = ["cc", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", str(library)]
    subprocess.run([*compiler, str(_HERE / "stand_in_driver.c")], check=True)
    checks = [str(path) for path in sorted(_HERE.glob("stand_in_*_checks.py"))]
    plugins = ["-p", "no:cacheprovider", "-p", "tests.engines.nvidia.stand_in"]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", *checks, *plugins, "-rs"],
        cwd=_ROOT,
        env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "CUDA_VISIBLE_DEVICES": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert found.returncode == 0, found.stdout + found.stderr
