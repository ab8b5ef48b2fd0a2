"""The little of CUDA that engines need, the same over PyCUDA, cuda-bindings and torch.

Every implementation shares the device's primary context (torch's context too) and passes one contract suite.
Not yet run on a GPU.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInputError, MissingPackageError
from engines.names import nearest

__all__ = ["BINDINGS", "Cuda", "DeviceBuffer", "Event", "Graph", "Stream", "installed_binding", "open_cuda"]

BINDINGS = {"cuda-bindings": "cuda.bindings", "pycuda": "pycuda"}
"""Module to look for, by package, in the order in which they are tried."""
_MODULES = {"cuda-bindings": "engines.nvidia.cuda_bindings", "pycuda": "engines.nvidia.cuda_pycuda"}


class DeviceBuffer(Protocol):
    """Memory on the GPU."""

    address: int
    nbytes: int


class Event(Protocol):
    """A point in a stream."""

    def synchronize(self) -> None:
        """Wait on the host until the point is passed; at once where it was never recorded. Raises BackendError."""

    def ms_since(self, earlier: Event) -> float:
        """GPU time between two passed points, in milliseconds."""


class Graph(Protocol):
    """Launches that were recorded once."""

    def launch(self) -> None:
        """Run them on the stream that they were recorded on. Raises BackendError."""


class Stream(Protocol):
    """A queue of work on the GPU. Every method but `synchronize` returns at once; each may raise BackendError."""

    handle: int

    def copy_in(self, to: DeviceBuffer, source: NDArray[np.generic]) -> None:
        """Copy a whole pinned array into a device buffer of the same number of bytes."""

    def copy_out(self, to: NDArray[np.generic], source: DeviceBuffer) -> None:
        """Copy a whole device buffer into a pinned array of the same number of bytes."""

    def record(self, event: Event) -> None: ...

    def wait(self, event: Event) -> None:
        """What comes next in this stream runs after the event; nothing waits where it was never recorded."""

    def capture(self, work: Callable[[], None]) -> Graph | None:
        """Record what `work` launches on this stream, without running it; None where the binding has no graphs."""

    def synchronize(self) -> None: ...


class Cuda(Protocol):
    """One GPU. All methods raise BackendError; memory lives until `close`, which may be called twice."""

    binding: str

    def make_current(self) -> None:
        """Make the context current in the calling thread. Cheap: engines call it at the start of every step."""

    def pinned(self, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[np.generic]:
        """Zeros in page-locked memory, C order."""

    def device(self, nbytes: int) -> DeviceBuffer: ...

    def stream(self) -> Stream:
        """A stream that does not wait for the default stream."""

    def event(self) -> Event: ...

    def close(self) -> None: ...


def installed_binding(wanted: str | None = None) -> str:
    """The package to use: `wanted`, RTSTYLE_CUDA, or the first that is installed. Imports nothing.

    Raises BadInputError for an unknown name, MissingPackageError where there is none.
    """
    wanted = wanted or os.environ.get("RTSTYLE_CUDA")
    if wanted is not None and wanted not in BINDINGS:
        raise BadInputError(f"no CUDA binding is called {wanted!r}{nearest(wanted, BINDINGS)}")
    for name in [wanted] if wanted else BINDINGS:
        if _found(BINDINGS[name]):
            return name
    raise MissingPackageError(
        "a TensorRT engine", wanted or "cuda-bindings", extra="pycuda" if wanted == "pycuda" else "tensorrt"
    )


def open_cuda(binding: str | None = None) -> Cuda:
    """Open the first visible GPU. Raises MissingPackageError or BackendError."""
    name = installed_binding(binding)
    return cast(Cuda, importlib.import_module(_MODULES[name]).open_device())


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is not there
        return False
