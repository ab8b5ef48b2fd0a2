"""What the NVIDIA driver says, asked without any package: quick enough for `doctor` on every machine.

Not yet run on a GPU.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from dataclasses import dataclass

from engines.errors import BackendError
from engines.nvidia.faults import WAY_ON, fault

__all__ = ["Gpu", "driver_library", "error_name", "find_gpu"]

_NAMES = {"win32": "nvcuda.dll", "darwin": None}
_ATTRIBUTE_MAJOR, _ATTRIBUTE_MINOR = 75, 76
_OLDEST_DRIVER = 12000
"""CUDA version 12.0, times 1000, plus 10 times the minor one."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """The first GPU that CUDA_VISIBLE_DEVICES lets us see."""

    name: str
    """The vendor's name, such as NVIDIA GeForce RTX 4090."""
    capability: tuple[int, int]
    """Compute capability, such as (8, 9)."""
    memory: int
    """Bytes."""
    driver: str
    """The newest CUDA version that the driver can run, such as 13.0."""

    @property
    def target(self) -> str:
        """The compute capability as a build target, such as sm89."""
        return f"sm{self.capability[0]}{self.capability[1]}"


@functools.cache
def find_gpu() -> Gpu:
    """Ask the driver. Raises BackendError, with the reason, where no GPU can be used."""
    driver = driver_library()

    def call(name: str, *arguments: object) -> None:
        code = getattr(driver, name)(*arguments)
        if code:
            raise fault(error_name(code), "the NVIDIA driver was asked for its GPU")

    version, count, device = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    major, minor, memory = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(256)
    call("cuInit", 0)
    call("cuDriverGetVersion", ctypes.byref(version))
    call("cuDeviceGetCount", ctypes.byref(count))
    if not count.value:
        raise fault("CUDA_ERROR_NO_DEVICE", "the NVIDIA driver was asked for its GPU")
    call("cuDeviceGet", ctypes.byref(device), 0)
    call("cuDeviceGetName", name, len(name), device)
    call("cuDeviceGetAttribute", ctypes.byref(major), _ATTRIBUTE_MAJOR, device)
    call("cuDeviceGetAttribute", ctypes.byref(minor), _ATTRIBUTE_MINOR, device)
    call("cuDeviceTotalMem_v2", ctypes.byref(memory), device)
    spoken = f"{version.value // 1000}.{version.value % 1000 // 10}"
    if version.value < _OLDEST_DRIVER:
        raise BackendError(
            f"the NVIDIA driver is too old (CUDA {spoken}, expected 12.0 or newer): update it, or {WAY_ON}"
        )
    return Gpu(
        name=name.value.decode(errors="replace"),
        capability=(major.value, minor.value),
        memory=memory.value,
        driver=spoken,
    )


def driver_library() -> ctypes.CDLL:
    """The driver's own library. Raises BackendError where there is none."""
    name = _NAMES.get(sys.platform, "libcuda.so.1")
    if name is None:
        raise BackendError(f"no NVIDIA GPU can be used on macOS: {WAY_ON}")
    try:
        return ctypes.CDLL(name)
    except OSError:
        raise BackendError(
            f"no NVIDIA driver here ({name} is not found): install the driver of your GPU, or {WAY_ON}"
        ) from None


def error_name(code: int) -> str:
    """CUDA's own name for an error code of the driver."""
    text = ctypes.c_char_p()
    if driver_library().cuGetErrorName(code, ctypes.byref(text)) or not text.value:
        return f"CUDA error {code}"
    return text.value.decode()
