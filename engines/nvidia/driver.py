"""What the NVIDIA driver says, asked without any package: its GPU, and what its errors mean for a user.

Quick enough for `doctor` on every machine. Not yet run on a GPU.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from dataclasses import dataclass

from engines.errors import BackendError

__all__ = ["Gpu", "WAY_ON", "driver_library", "error_name", "fault", "find_gpu"]

_NAMES = {"win32": "nvcuda.dll", "darwin": None}
_ATTRIBUTE_MAJOR, _ATTRIBUTE_MINOR = 75, 76
_OLDEST_DRIVER = 12000
"""CUDA version 12.0, times 1000, plus 10 times the minor one."""
WAY_ON = "go on with --backend openvino"
"""How messages end."""

_LOST = "the GPU was lost or its program crashed: start again, look at the system log if it comes back, or"
_DRIVER = "the NVIDIA driver does not fit: update it and restart the machine, or"
_FAULTS = {
    "CUDA_ERROR_OUT_OF_MEMORY": "the GPU is out of memory: close other programs on it, use a smaller --size, or",
    "CUDA_ERROR_NO_DEVICE": "the NVIDIA driver finds no GPU (see nvidia-smi and CUDA_VISIBLE_DEVICES): plug one in, or",
    "CUDA_ERROR_INVALID_DEVICE": "the GPU that was asked for is not there (see CUDA_VISIBLE_DEVICES): name another, or",
    "CUDA_ERROR_DEVICE_UNAVAILABLE": "another program holds the GPU for itself: end it, or",
    "CUDA_ERROR_MPS_CONNECTION_FAILED": "the GPU's sharing service does not answer: restart it, or",
    "CUDA_ERROR_NO_BINARY_FOR_GPU": "a library has no code for this GPU: install another version of it, or",
    "CUDA_ERROR_UNSUPPORTED_PTX_VERSION": _DRIVER,
    "CUDA_ERROR_STUB_LIBRARY": "libcuda.so.1 is the toolkit's stub, not a driver: install the driver of your GPU, or",
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": _DRIVER,
    "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE": _DRIVER,
    "CUDA_ERROR_SYSTEM_NOT_READY": "the GPU's services are not ready: wait a moment, start again, or",
    "CUDA_ERROR_UNKNOWN": _LOST,
} | dict.fromkeys(
    (
        "CUDA_ERROR_CONTAINED",
        "CUDA_ERROR_CONTEXT_IS_DESTROYED",
        "CUDA_ERROR_DEINITIALIZED",
        "CUDA_ERROR_ECC_UNCORRECTABLE",
        "CUDA_ERROR_EXTERNAL_DEVICE",
        "CUDA_ERROR_HARDWARE_STACK_ERROR",
        "CUDA_ERROR_ILLEGAL_ADDRESS",
        "CUDA_ERROR_ILLEGAL_INSTRUCTION",
        "CUDA_ERROR_INVALID_ADDRESS_SPACE",
        "CUDA_ERROR_INVALID_PC",
        "CUDA_ERROR_LAUNCH_FAILED",
        "CUDA_ERROR_LAUNCH_TIMEOUT",
        "CUDA_ERROR_MISALIGNED_ADDRESS",
        "CUDA_ERROR_NVLINK_UNCORRECTABLE",
    ),
    _LOST,
)
"""What CUDA's error names mean for a user: one line each, to which the way on is added."""


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


def fault(name: str, doing: str) -> BackendError:
    """The error for CUDA's `name`, met while `doing` (a clause in the past tense)."""
    text = _FAULTS.get(name, "CUDA failed, start again, or")
    return BackendError(f"{text} {WAY_ON} ({name}, when {doing})")
