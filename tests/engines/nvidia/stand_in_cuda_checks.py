"""The real CUDA bindings over the stand-in driver.

Run by test_stand_in.py in a process whose libcuda.so.1 is the stand-in; not collected by itself: no GPU is behind it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engines.backends import reports
from engines.errors import BackendError
from engines.nvidia.cuda import Cuda, open_cuda
from engines.nvidia.driver import find_gpu
from tests.engines.nvidia.cuda_contract import CONTRACT
from tests.engines.nvidia.stand_in import live


@pytest.mark.parametrize("holds", CONTRACT, ids=lambda check: check.__name__)
def test_contract(cuda: Cuda, holds: Callable[[Cuda], None]) -> None:
    holds(cuda)


def test_closing_gives_everything_back(binding: str) -> None:
    before = live()
    cuda = open_cuda(binding)
    stream = cuda.stream()
    buffer, array, event = cuda.device(64), cuda.pinned((64,), np.uint8), cuda.event()
    stream.record(event)
    stream.capture(lambda: stream.copy_in(buffer, array))
    assert live() > before
    cuda.close()
    assert live() == before


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        ("cuMemAlloc:2", "out of memory"),
        ("cuMemcpyHtoDAsync:700", "lost"),
        ("cuEventRecord:999", "lost"),
        ("cuDevicePrimaryCtxRetain:100", "no GPU"),
    ],
)
def test_what_cuda_says_becomes_one_line_that_names_the_cpu(
    failure: str, text: str, binding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = live()
    monkeypatch.setenv("STANDIN_FAIL", failure)
    with pytest.raises(BackendError, match=text) as caught:
        cuda = open_cuda(binding)
        try:
            stream = cuda.stream()
            stream.copy_in(cuda.device(16), cuda.pinned((16,), np.uint8))
            stream.record(cuda.event())
        finally:
            cuda.close()
    assert "--backend openvino" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert live() == before


def test_the_gpu_is_found_by_asking_the_driver() -> None:
    gpu = find_gpu.__wrapped__()
    assert (gpu.name, gpu.target, gpu.memory, gpu.driver) == ("Stand-in GPU", "sm89", 8 << 30, "13.0")


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("STANDIN_GPUS", "0", "no GPU"),
        ("STANDIN_DRIVER", "11040", "too old .CUDA 11.4"),
        ("STANDIN_FAIL", "cuInit:803", "driver does not fit"),
        ("STANDIN_FAIL", "cuInit:34", "stub"),
    ],
)
def test_a_driver_that_cannot_be_used_is_said_so(
    variable: str, value: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(BackendError, match=text) as caught:
        find_gpu.__wrapped__()
    assert "--backend openvino" in str(caught.value)


def test_auto_prefers_the_gpu_and_imports_neither_torch_nor_tensorrt_to_say_so() -> None:
    import sys
    from importlib.util import find_spec

    found = {report.name: report for report in reports()}
    assert found["torch"].usable == (find_spec("torch") is not None)
    assert found["tensorrt-rtx"].usable == (find_spec("tensorrt_rtx") is not None)
    assert not {"torch", "tensorrt", "tensorrt_rtx"} & set(sys.modules)
