"""ONNX Runtime: the parity reference, and the way to run where OpenVINO does not (extra: onnxruntime)."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np

from engines.contract import EngineOptions, EngineSpec, Picture, RingEngine
from engines.errors import BackendError, MissingPackageError
from engines.net_file import NetFile

__all__ = ["describe", "open_engine", "open_session"]

_FATAL_ONLY = 4


def describe() -> str:
    """One line on what this backend would run on. Raises MissingPackageError."""
    runtime = _runtime()
    return f"ONNX Runtime {runtime.__version__} on the CPU, f32"


def open_engine(net: NetFile, size: tuple[int, int], options: EngineOptions) -> OnnxRuntimeEngine:
    """Make an engine for frames of `size` (width, height). Raises BackendError."""
    return OnnxRuntimeEngine(net, size, options)


def open_session(model: bytes, *, threads: int | None = None) -> Any:
    """An InferenceSession on the CPU for an ONNX file's content. Raises MissingPackageError, or the vendor's error."""
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    if threads is not None:
        options.intra_op_num_threads = threads
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _runtime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError("the onnxruntime backend", "onnxruntime", extra="onnxruntime") from error
    module: ModuleType = onnxruntime
    return module


class OnnxRuntimeEngine(RingEngine):
    """One worker thread runs the frames one after the other, while the caller prepares the next."""

    def __init__(self, net: NetFile, size: tuple[int, int], options: EngineOptions) -> None:
        if options.precision not in (None, "f32"):
            raise BackendError(f"onnxruntime runs in f32 here, {options.precision} is not possible")
        try:
            self._session = open_session(net.model, threads=options.threads)
        except MissingPackageError:
            raise
        except Exception as error:  # onnxruntime's errors have no common base but Exception
            raise BackendError(f"onnxruntime cannot load net {net.spec.name}: {error}") from error
        super().__init__(
            EngineSpec(net=net.spec, size=size, backend="onnxruntime", device="CPU", precision="f32"), options.depth
        )
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="rtstyle-onnxruntime")
        self._results: list[Future[Picture] | None] = [None] * options.depth

    def _start(self, slot: int) -> None:
        self._results[slot] = self._worker.submit(self._run, slot)

    def _run(self, slot: int) -> Picture:
        feed: dict[str, Any] = {"frame": self._frames[slot]}
        if self.spec.net.style_length:
            feed["style"] = self._styles[slot]
        image: Picture = np.asarray(self._session.run(["image"], feed)[0])[0]
        return image

    def _finish(self, slot: int) -> Picture:
        result = self._results[slot]
        assert result is not None
        try:
            return result.result()
        except Exception as error:
            raise BackendError(f"onnxruntime failed on a frame: {error}") from error

    def _release(self) -> None:
        self._worker.shutdown()
