"""CUDA through NVIDIA's own wheels (package cuda-bindings): no compiler, no toolkit. Not yet run on a GPU."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.errors import BackendError, MissingPackageError
from engines.nvidia.driver import WAY_ON, fault

__all__ = ["BindingsCuda", "open_device"]

_Owned = TypeVar("_Owned", "_Buffer", "_Event", "_Graph", "_Stream")


def open_device() -> BindingsCuda:
    """Open the first visible GPU. Raises MissingPackageError or BackendError."""
    return BindingsCuda()


@functools.cache
def _driver() -> Any:
    try:
        from cuda.bindings import driver
    except ImportError as error:
        raise MissingPackageError("a TensorRT engine", "cuda-bindings", extra="tensorrt") from error
    return driver


def _call(doing: str, name: str, *arguments: object) -> Any:
    """Call a driver function; returns its value, or its values as a tuple. Raises BackendError."""
    driver = _driver()
    try:
        code, *values = getattr(driver, name)(*arguments)
    except RuntimeError as error:  # raised by the wheel itself where there is no driver
        raise BackendError(f"no NVIDIA driver here: install the driver of your GPU, or {WAY_ON}") from error
    if code != driver.CUresult.CUDA_SUCCESS:
        raise fault(code.name, doing)
    return values[0] if len(values) == 1 else tuple(values)


class _Buffer:
    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self._pointer = _call(f"{nbytes >> 20} MB were asked for", "cuMemAlloc", nbytes)
        self.address = int(self._pointer)

    def free(self) -> None:
        _call("memory was given back", "cuMemFree", self._pointer)


class _Event:
    def __init__(self) -> None:
        driver = _driver()
        self.handle = _call("an event was made", "cuEventCreate", driver.CUevent_flags.CU_EVENT_DEFAULT)

    def synchronize(self) -> None:
        _call("a frame was waited for", "cuEventSynchronize", self.handle)

    def ms_since(self, earlier: _Event) -> float:
        return float(_call("a stage was timed", "cuEventElapsedTime", earlier.handle, self.handle))

    def free(self) -> None:
        _call("an event was given back", "cuEventDestroy", self.handle)


class _Graph:
    def __init__(self, graph: Any, stream: _Stream) -> None:
        self._graph, self._stream = graph, stream
        self._ready = _call("a CUDA graph was made", "cuGraphInstantiate", graph, 0)

    def launch(self) -> None:
        _call("a CUDA graph was started", "cuGraphLaunch", self._ready, self._stream.stream)

    def free(self) -> None:
        _call("a CUDA graph was given back", "cuGraphExecDestroy", self._ready)
        _call("a CUDA graph was given back", "cuGraphDestroy", self._graph)


class _Stream:
    def __init__(self, keep: Callable[[_Graph], object]) -> None:
        driver = _driver()
        self._keep = keep
        self.stream = _call("a stream was made", "cuStreamCreate", driver.CUstream_flags.CU_STREAM_NON_BLOCKING)
        self.handle = int(self.stream)

    def copy_in(self, to: _Buffer, source: NDArray[np.generic]) -> None:
        assert source.nbytes == to.nbytes
        _call("a frame was copied in", "cuMemcpyHtoDAsync", to.address, source.ctypes.data, to.nbytes, self.stream)

    def copy_out(self, to: NDArray[np.generic], source: _Buffer) -> None:
        assert to.nbytes == source.nbytes
        _call(
            "a picture was copied out", "cuMemcpyDtoHAsync", to.ctypes.data, source.address, source.nbytes, self.stream
        )

    def record(self, event: _Event) -> None:
        _call("an event was recorded", "cuEventRecord", event.handle, self.stream)

    def wait(self, event: _Event) -> None:
        _call("a stream was told to wait", "cuStreamWaitEvent", self.stream, event.handle, 0)

    def capture(self, work: Callable[[], None]) -> _Graph | None:
        driver = _driver()
        mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
        _call("a CUDA graph was begun", "cuStreamBeginCapture", self.stream, mode)
        try:
            work()
        finally:  # a stream that is left in capture would fail everything after it
            graph = _call("a CUDA graph was ended", "cuStreamEndCapture", self.stream)
        made = _Graph(graph, self)
        self._keep(made)
        return made

    def synchronize(self) -> None:
        _call("the GPU was waited for", "cuStreamSynchronize", self.stream)

    def free(self) -> None:
        _call("a stream was given back", "cuStreamDestroy", self.stream)


class BindingsCuda:
    """The first visible GPU through cuda-bindings."""

    binding = "cuda-bindings"

    def __init__(self) -> None:
        _call("CUDA was started", "cuInit", 0)
        self._device = _call("the GPU was opened", "cuDeviceGet", 0)
        self._context = _call("the GPU was opened", "cuDevicePrimaryCtxRetain", self._device)
        self._owned: list[_Buffer | _Event | _Stream | _Graph] = []
        self._pinned: list[int] = []
        self._closed = False
        self.make_current()

    def make_current(self) -> None:
        _call("the GPU was opened", "cuCtxSetCurrent", self._context)

    def pinned(self, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[np.generic]:
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        address = int(_call(f"{nbytes >> 20} MB of pinned memory were asked for", "cuMemHostAlloc", nbytes, 0))
        self._pinned.append(address)
        memory: Any = (ctypes.c_uint8 * nbytes).from_address(address)
        array: NDArray[np.generic] = np.frombuffer(memory, dtype).reshape(shape)
        array[...] = 0
        return array

    def device(self, nbytes: int) -> _Buffer:
        return self._own(_Buffer(nbytes))

    def stream(self) -> _Stream:
        return self._own(_Stream(self._own))

    def event(self) -> _Event:
        return self._own(_Event())

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.make_current()
        try:
            while self._owned:
                self._owned.pop().free()
            while self._pinned:
                _call("pinned memory was given back", "cuMemFreeHost", self._pinned.pop())
        finally:
            _call("the GPU was given back", "cuDevicePrimaryCtxRelease", self._device)

    def _own(self, thing: _Owned) -> _Owned:
        self._owned.append(thing)
        return thing
