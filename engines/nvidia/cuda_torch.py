"""CUDA through PyTorch, for the torch backend: the same contract over torch's streams and allocator.

torch is imported when the device is opened. Not yet run on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import BackendError
from engines.nvidia.driver import WAY_ON, fault

__all__ = ["TorchCuda", "open_device", "translated"]


def open_device() -> TorchCuda:
    """Open the first visible GPU. Raises BackendError."""
    return TorchCuda()


@contextmanager
def translated(torch: Any, doing: str) -> Iterator[None]:
    """Turn torch's CUDA errors into ours."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise fault("CUDA_ERROR_OUT_OF_MEMORY", doing) from error
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BackendError(f"torch failed on the GPU, when {doing} ({first}): start again, or {WAY_ON}") from error


class _Buffer:
    def __init__(self, torch: Any, nbytes: int) -> None:
        self.nbytes = nbytes
        self.tensor = torch.zeros(nbytes, dtype=torch.uint8, device="cuda")
        self.address = int(self.tensor.data_ptr())


class _Event:
    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self.event = torch.cuda.Event(enable_timing=True)

    def synchronize(self) -> None:
        with translated(self._torch, "a frame was waited for"):
            self.event.synchronize()

    def ms_since(self, earlier: _Event) -> float:
        with translated(self._torch, "a stage was timed"):
            return float(earlier.event.elapsed_time(self.event))


class _Graph:
    def __init__(self, torch: Any, graph: Any, stream: Any) -> None:
        self._torch, self._graph, self._stream = torch, graph, stream

    def launch(self) -> None:
        with translated(self._torch, "a CUDA graph was started"), self._torch.cuda.stream(self._stream):
            self._graph.replay()


class _Stream:
    def __init__(self, torch: Any, pinned: dict[int, Any]) -> None:
        self._torch, self._pinned = torch, pinned
        self.stream = torch.cuda.Stream()
        self.handle = int(self.stream.cuda_stream)

    def copy_in(self, to: _Buffer, source: NDArray[np.generic]) -> None:
        with translated(self._torch, "a frame was copied in"), self._torch.cuda.stream(self.stream):
            to.tensor.copy_(self._pinned[source.ctypes.data], non_blocking=True)

    def copy_out(self, to: NDArray[np.generic], source: _Buffer) -> None:
        with translated(self._torch, "a picture was copied out"), self._torch.cuda.stream(self.stream):
            self._pinned[to.ctypes.data].copy_(source.tensor, non_blocking=True)

    def record(self, event: _Event) -> None:
        with translated(self._torch, "an event was recorded"):
            self.stream.record_event(event.event)

    def wait(self, event: _Event) -> None:
        with translated(self._torch, "a stream was told to wait"):
            self.stream.wait_event(event.event)

    def capture(self, work: Callable[[], None]) -> _Graph | None:
        graph = self._torch.cuda.CUDAGraph()
        recording = self._torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local")
        with translated(self._torch, "a CUDA graph was made"), recording:
            work()
        return _Graph(self._torch, graph, self.stream)

    def synchronize(self) -> None:
        with translated(self._torch, "the GPU was waited for"):
            self.stream.synchronize()


class TorchCuda:
    """The first visible GPU through torch, which makes the primary context current by itself in every thread."""

    binding = "torch"

    def __init__(self) -> None:
        import torch

        self._torch = torch
        if not torch.cuda.is_available():
            raise BackendError(
                f"torch {torch.__version__} cannot use the GPU here: install a build for its CUDA version, or {WAY_ON}"
            )
        self._pinned: dict[int, Any] = {}

    def make_current(self) -> None:
        self._torch.cuda.set_device(0)

    def pinned(self, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[np.generic]:
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        with translated(self._torch, "pinned memory was asked for"):
            memory = self._torch.zeros(nbytes, dtype=self._torch.uint8, pin_memory=True)
        array: NDArray[np.generic] = memory.numpy().view(dtype).reshape(shape)
        self._pinned[array.ctypes.data] = memory
        return array

    def device(self, nbytes: int) -> _Buffer:
        with translated(self._torch, f"{nbytes >> 20} MB were asked for"):
            return _Buffer(self._torch, nbytes)

    def stream(self) -> _Stream:
        with translated(self._torch, "a stream was made"):
            return _Stream(self._torch, self._pinned)

    def event(self) -> _Event:
        return _Event(self._torch)

    def close(self) -> None:
        """torch frees what nobody holds any more; its context stays, other parts of the program may use it."""
        self._pinned.clear()
