"""What CUDA's error names mean for a user: one line each, with the way on."""

from __future__ import annotations

from engines.errors import BackendError

__all__ = ["WAY_ON", "fault"]

WAY_ON = "go on with --backend openvino"

_LOST = "the GPU was lost or its program crashed: start again, look at the system log if it comes back, or"
_DRIVER = "the NVIDIA driver does not fit: update it and restart the machine, or"
_TEXTS = {
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


def fault(name: str, doing: str) -> BackendError:
    """The error for CUDA's `name`, met while `doing` (a clause in the past tense)."""
    text = _TEXTS.get(name, "CUDA failed, start again, or")
    return BackendError(f"{text} {WAY_ON} ({name}, when {doing})")
