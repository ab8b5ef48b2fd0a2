"""CUDA through PyCUDA, which builds from source and needs the CUDA toolkit. It has no CUDA graphs.

Not yet run on a GPU.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import BackendError, MissingPackageError
from engines.nvidia.driver import WAY_ON, driver_library, error_name, fault

__all__ = ["PyCuda", "open_device"]

_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING, which PyCUDA gives no name."""


def open_device() -> PyCuda:
    """Open the first visible GPU. Raises MissingPackageError or BackendError."""
    return PyCuda()


@functools.cache
def _driver() -> Any:
    try:
        from pycuda import driver  # never pycuda.autoinit: it makes a context of its own
    except ImportError as error:
        if "libcuda" in str(error) or "DLL load failed" in str(error):
            raise BackendError(f"no NVIDIA driver here: install the driver of your GPU, or {WAY_ON}") from error
        raise MissingPackageError("a TensorRT engine on PyCUDA", "pycuda", extra="pycuda") from error
    return driver


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    """PyCUDA's errors read `cuMemAlloc failed: out of memory`; their class or text says which they are."""
    try:
        yield
    except _driver().Error as error:
        raise fault(_name_of(error), doing) from error


def _name_of(error: Exception) -> str:
    text = str(error)
    for words, name in (
        ("out of memory", "CUDA_ERROR_OUT_OF_MEMORY"),
        ("no CUDA-capable device", "CUDA_ERROR_NO_DEVICE"),
        ("invalid device ordinal", "CUDA_ERROR_INVALID_DEVICE"),
        ("busy or unavailable", "CUDA_ERROR_DEVICE_UNAVAILABLE"),
        ("stub library", "CUDA_ERROR_STUB_LIBRARY"),
        ("driver mismatch", "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
        ("unspecified launch failure", "CUDA_ERROR_LAUNCH_FAILED"),
        ("illegal memory access", "CUDA_ERROR_ILLEGAL_ADDRESS"),
        ("launch timed out", "CUDA_ERROR_LAUNCH_TIMEOUT"),
        ("ECC", "CUDA_ERROR_ECC_UNCORRECTABLE"),
        ("unknown error", "CUDA_ERROR_UNKNOWN"),
    ):
        if words in text:
            return name
    return text or type(error).__name__


class _Buffer:
    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        with _translated(f"{nbytes >> 20} MB were asked for"):
            self._memory = _driver().mem_alloc(nbytes)
        self.address = int(self._memory)

    def free(self) -> None:
        self._memory.free()


class _Event:
    def __init__(self) -> None:
        with _translated("an event was made"):
            self.event = _driver().Event()

    def synchronize(self) -> None:
        with _translated("a frame was waited for"):
            self.event.synchronize()

    def ms_since(self, earlier: _Event) -> float:
        with _translated("a stage was timed"):
            return float(self.event.time_since(earlier.event))

    def free(self) -> None:
        self.event = None  # PyCUDA destroys it with its last reference


class _Stream:
    def __init__(self) -> None:
        with _translated("a stream was made"):
            self.stream = _driver().Stream(_NON_BLOCKING)
        self.handle = int(self.stream.handle)

    def copy_in(self, to: _Buffer, source: NDArray[np.generic]) -> None:
        assert source.nbytes == to.nbytes
        with _translated("a frame was copied in"):
            _driver().memcpy_htod_async(to.address, source, self.stream)

    def copy_out(self, to: NDArray[np.generic], source: _Buffer) -> None:
        assert to.nbytes == source.nbytes
        with _translated("a picture was copied out"):
            _driver().memcpy_dtoh_async(to, source.address, self.stream)

    def record(self, event: _Event) -> None:
        with _translated("an event was recorded"):
            event.event.record(self.stream)

    def wait(self, event: _Event) -> None:
        with _translated("a stream was told to wait"):
            self.stream.wait_for_event(event.event)

    def capture(self, work: Callable[[], None]) -> None:  # noqa: ARG002 (PyCUDA has no CUDA graphs)
        return None

    def synchronize(self) -> None:
        with _translated("the GPU was waited for"):
            self.stream.synchronize()

    def free(self) -> None:
        self.stream = None


class PyCuda:
    """The first visible GPU through PyCUDA, whose stack of contexts is empty outside of the calls that need it."""

    binding = "pycuda"

    def __init__(self) -> None:
        driver = _driver()
        with _translated("the GPU was opened"):
            driver.init()
            self._context = driver.Device(0).retain_primary_context()
        self._owned: list[_Buffer | _Event | _Stream] = []
        self._pinned: list[Any] = []
        self._closed = False
        self.make_current()

    def make_current(self) -> None:
        code = driver_library().cuCtxSetCurrent(ctypes.c_void_p(self._context.handle))
        if code:
            raise fault(error_name(code), "the GPU was opened")

    def pinned(self, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[np.generic]:
        with self._pushed("pinned memory was asked for"):
            array: NDArray[np.generic] = _driver().pagelocked_zeros(shape, dtype)
        self._pinned.append(array.base)
        return array

    def device(self, nbytes: int) -> _Buffer:
        with self._pushed("memory was asked for"):
            buffer = _Buffer(nbytes)
        self._owned.append(buffer)
        return buffer

    def stream(self) -> _Stream:
        with self._pushed("a stream was made"):
            stream = _Stream()
        self._owned.append(stream)
        return stream

    def event(self) -> _Event:
        with self._pushed("an event was made"):
            event = _Event()
        self._owned.append(event)
        return event

    @contextmanager
    def _pushed(self, doing: str) -> Iterator[None]:
        """PyCUDA makes things only with the context on its own stack, and ends the process where it is left there."""
        with _translated(doing):
            self._context.push()
            try:
                yield
            finally:
                self._context.pop()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            with self._pushed("memory was given back"):
                while self._owned:
                    self._owned.pop().free()
                while self._pinned:
                    self._pinned.pop().free()
        finally:
            with _translated("the GPU was given back"):
                self._context.detach()
                driver_library().cuCtxPopCurrent_v2(None)  # detach leaves a primary context on the driver's stack
