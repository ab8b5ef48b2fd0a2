"""What the checks over the stand-in driver share; test_stand_in.py has pytest load it for its fixtures."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.contract import EngineSpec
from engines.errors import MissingPackageError
from engines.library import Library
from engines.net_file import NetFile
from engines.nvidia.cuda import BINDINGS, Cuda, installed_binding, open_cuda
from engines.nvidia.tensorrt_engine import TensorRtEngine
from tests.engines.nvidia.cpu_runtime import cpu_runtime

SIZE = (62, 46)  # no multiple of 4: the frames are padded


@pytest.fixture(params=BINDINGS)
def binding(request: pytest.FixtureRequest) -> str:
    try:
        return installed_binding(request.param)
    except MissingPackageError as error:
        pytest.skip(str(error))


@pytest.fixture
def cuda(binding: str) -> Iterator[Cuda]:
    opened = open_cuda(binding)
    yield opened
    opened.close()


@pytest.fixture
def net() -> NetFile:
    return Library().net("fast")


def live() -> int:
    return int(ctypes.CDLL("libcuda.so.1").standin_live())


def engine_over_cpu(
    net: NetFile, name: str, cuda: Cuda, jit_path: Path | None = None, depth: int = 2
) -> tuple[Any, Any]:
    runtime, faults = cpu_runtime(name, net)
    spec = EngineSpec(net=net.spec, size=SIZE, backend=name, device="Stand-in GPU", precision="f32")
    return (lambda: TensorRtEngine(spec, depth, runtime, cuda, b"plan", jit_path=jit_path)), faults
