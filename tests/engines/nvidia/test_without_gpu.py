"""What this machine says of backends that need a GPU, where there is none."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from engines.backends import BACKENDS, open_engine, reports
from engines.errors import BackendError, MissingPackageError
from engines.library import Library
from engines.nvidia.cuda import BINDINGS, installed_binding, open_cuda
from engines.nvidia.driver import find_gpu

_GPU_BACKENDS = ("tensorrt", "tensorrt-rtx", "torch")


@pytest.fixture(autouse=True)
def _no_gpu() -> None:
    try:
        find_gpu()
    except BackendError:
        return
    pytest.skip("there is a GPU here")


def test_gpu_backends_come_first_and_are_not_usable_and_say_why() -> None:
    assert list(BACKENDS)[:4] == [*_GPU_BACKENDS, "openvino"]
    for report in reports()[:3]:
        assert not report.usable
        assert "no NVIDIA driver here" in report.text
        assert "--backend openvino" in report.text


def test_saying_so_is_quick_and_imports_no_runtime() -> None:
    began = time.perf_counter()
    code = (
        "import sys\n"
        "from engines.backends import usable_backend\n"
        "from engines.errors import BackendError, MissingPackageError\n"
        "for name in ('tensorrt', 'tensorrt-rtx', 'torch'):\n"
        "    try:\n"
        "        usable_backend(name)\n"
        "    except (BackendError, MissingPackageError):\n"
        "        continue\n"
        "    raise SystemExit(f'{name} is said to be usable')\n"
        "print(sorted({'torch', 'tensorrt', 'tensorrt_rtx', 'pycuda', 'cuda.bindings', 'onnx'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert found.stdout.strip() == "[]"
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize("backend", _GPU_BACKENDS)
def test_asking_for_one_by_name_is_an_error_that_names_the_cpu(backend: str) -> None:
    with pytest.raises(BackendError, match="--backend openvino") as caught:
        open_engine(Library().net("fast"), (64, 64), backend=backend)
    assert "\n" not in str(caught.value)


def test_auto_goes_to_the_cpu() -> None:
    with open_engine(Library().net("fast"), (64, 64)) as engine:
        assert engine.spec.backend == "openvino"


@pytest.mark.parametrize("binding", BINDINGS)
def test_opening_cuda_without_a_driver_is_one_line(binding: str) -> None:
    try:
        installed_binding(binding)
    except MissingPackageError as error:
        pytest.skip(str(error))
    with pytest.raises(BackendError, match="no NVIDIA driver here") as caught:
        open_cuda(binding)
    assert "\n" not in str(caught.value)


def test_a_missing_binding_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingPackageError, match=r'pip install "rtstyle\[tensorrt\]"'):
        installed_binding()
    with pytest.raises(MissingPackageError, match=r'pip install "rtstyle\[pycuda\]"'):
        installed_binding("pycuda")
