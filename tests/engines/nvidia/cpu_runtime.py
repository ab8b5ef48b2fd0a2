"""TensorRT's running half on the CPU: the net itself, launched through the stand-in driver's streams.

The building half is the vendor's own where it is installed. It exists to run our engine code from end to end; it says
nothing about the vendor's runtime.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np

from engines.contract import Engine, EngineOptions
from engines.net_file import NetFile
from engines.nvidia.runtimes import RUNTIMES, Runtime

__all__ = ["cpu_runtime"]

_HostCall = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Context:
    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._at: dict[str, int] = {}
        self._reference: Engine | None = None
        self._call = _HostCall(self._run)  # kept: the driver holds only its address

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._shapes[name] = tuple(shape)
        return name == "frame" and len(shape) == 4

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._at[name] = address
        return name in ("frame", "style", "image")

    def execute_async_v3(self, stream_handle: int) -> bool:
        if self._engine.fails:
            return False
        driver = ctypes.CDLL("libcuda.so.1")
        return bool(driver.cuLaunchHostFunc(ctypes.c_void_p(stream_handle), self._call, None) == 0)

    def _run(self, _: object) -> None:
        from engines.backends import open_engine

        net, (_, height, width, _) = self._engine.net, self._shapes["frame"]
        if self._reference is None:
            self._reference = open_engine(
                net, (width, height), backend="openvino", options=EngineOptions(precision="f32", depth=1)
            )
        scale = net.spec.scale
        frame = _array(self._at["frame"], (height, width, 3), np.uint8)
        style = _array(self._at["style"], (net.spec.style_length,), np.float32) if net.spec.style_length else None
        self._reference.submit(frame, style)
        image = self._reference.collect()
        _array(self._at["image"], (height * scale, width * scale, 3), np.uint8)[...] = (
            255 - image if self._engine.paints_wrong else image
        )


class _Engine:
    device_memory_size_v2 = 123 << 20

    def __init__(self, net: NetFile, faults: SimpleNamespace) -> None:
        self.net, self._faults = net, faults

    @property
    def fails(self) -> bool:
        return bool(self._faults.fails)

    @property
    def paints_wrong(self) -> bool:
        return bool(self._faults.paints_wrong)

    def create_execution_context(self, config: object = None) -> _Context | None:
        del config
        return None if self._faults.no_memory else _Context(self)

    def create_runtime_config(self) -> Any:
        cache = SimpleNamespace(serialize=lambda: b"compiled on this GPU", deserialize=self._take_cache)
        return SimpleNamespace(
            cuda_graph_strategy=None, create_runtime_cache=lambda: cache, set_runtime_cache=lambda _: True
        )

    def _take_cache(self, content: bytes) -> bool:
        self._faults.caches_taken.append(content)
        return True


def cpu_runtime(name: str, net: NetFile, trt: Any = None) -> tuple[Runtime, SimpleNamespace]:
    """A runtime that runs `net` on the CPU, and the faults that it can be told to have.

    trt: the vendor's module, for building.
    """
    faults = SimpleNamespace(fails=False, paints_wrong=False, no_memory=False, refuses=False, caches_taken=[])

    class Module:
        CudaGraphStrategy = SimpleNamespace(WHOLE_GRAPH_CAPTURE=1)

        def __getattr__(self, attribute: str) -> Any:
            return getattr(trt, attribute)

        def Runtime(self, log: object) -> Any:  # noqa: N802 (the vendor's name)
            del log
            return SimpleNamespace(deserialize_cuda_engine=lambda _: None if faults.refuses else _Engine(net, faults))

    if trt is None:
        log = SimpleNamespace(last_error="")
    else:
        from engines.nvidia.runtimes import load_runtime

        log = load_runtime(name).log
    version = trt.__version__ if trt is not None else "10.0"
    return Runtime(facts=RUNTIMES[name], version=version, trt=Module(), log=log), faults


def _array(address: int, shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = (ctypes.c_uint8 * nbytes).from_address(address)
    return np.frombuffer(memory, dtype).reshape(shape)
