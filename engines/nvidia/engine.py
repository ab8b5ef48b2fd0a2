"""An engine on TensorRT or TensorRT for RTX, with an execution context for each slot. Not yet run on a GPU."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engines.atomic import write_whole
from engines.contract import EngineSpec
from engines.errors import BackendError, OutputError
from engines.nvidia.cuda import Cuda
from engines.nvidia.faults import WAY_ON
from engines.nvidia.gpu_engine import GpuEngine
from engines.nvidia.runtimes import Runtime
from engines.nvidia.slots import Slot

__all__ = ["TensorRtEngine"]

_log = logging.getLogger(__name__)


class TensorRtEngine(GpuEngine):
    """One plan, loaded once; its addresses and shapes are set once, so that captured graphs stay valid."""

    def __init__(
        self, spec: EngineSpec, depth: int, runtime: Runtime, cuda: Cuda, plan: bytes, *, jit_path: Path | None = None
    ) -> None:
        """plan: an engine of `runtime` that takes the padded `spec.size`. jit_path: the runtime cache, made if absent.

        Raises BackendError; `cuda` is then closed.
        """
        self._runtime, self._plan, self._jit_path = runtime, plan, jit_path
        self._captures = not runtime.facts.ahead_of_time  # TensorRT for RTX records its own graphs
        self._trt_runtime: Any = None
        self._engine: Any = None
        self._config: Any = None
        self._jit: Any = None
        self._contexts: list[Any] = []
        super().__init__(spec, depth, cuda)
        self._save_jit()

    def _load(self) -> None:
        trt = self._runtime.trt
        self._runtime.log.last_error = ""
        self._trt_runtime = trt.Runtime(self._runtime.log)
        self._engine = self._trt_runtime.deserialize_cuda_engine(self._plan)
        self._plan = b""
        if self._engine is None:
            raise self._fault("cannot load the engine", "remove it with rtstyle engines clean and build it anew")
        if self._runtime.facts.ahead_of_time:
            self._config = self._engine.create_runtime_config()
            self._config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
            self._jit = self._config.create_runtime_cache()
            kept = self._jit_path.read_bytes() if self._jit_path is not None and self._jit_path.is_file() else b""
            if kept and not self._jit.deserialize(kept):
                _log.info("%s: of another GPU or driver, it is made anew", self._jit_path)
            self._config.set_runtime_cache(self._jit)

    def _launcher(self, slot: Slot) -> Callable[[], None]:
        context = self._context_for(slot)

        def launch() -> None:
            if not context.execute_async_v3(slot.stream.handle):
                raise self._fault("failed on a frame", "start again")

        return launch

    def _context_for(self, slot: Slot) -> Any:
        create = self._engine.create_execution_context
        context = create() if self._config is None else create(self._config)
        if context is None:
            needed = self._engine.device_memory_size_v2 >> 20
            raise BackendError(
                f"the GPU is out of memory ({needed} MB for each of {self.depth} frames in flight): use a smaller "
                f"--size, close other programs on it, or {WAY_ON}"
            )
        self._contexts.append(context)
        addresses = {"frame": slot.device_in[0].address, "image": slot.device_out.address}
        if self.spec.net.style_length:
            addresses["style"] = slot.device_in[1].address
        taken = context.set_input_shape("frame", slot.pinned_in[0].shape)
        for name, address in addresses.items():
            taken = context.set_tensor_address(name, address) and taken
        if not taken:
            raise self._fault("does not take these pictures", "remove the engine with rtstyle engines clean")
        return context

    def _drop(self) -> None:
        """Contexts go before their engine, the engine before its runtime."""
        self._contexts.clear()
        self._jit = self._config = None
        self._engine = None
        self._trt_runtime = None

    def _save_jit(self) -> None:
        """Keep what was compiled on this GPU: the next start is faster."""
        if self._jit is None or self._jit_path is None:
            return
        try:
            content = bytes(self._jit.serialize())
            if not self._jit_path.is_file() or self._jit_path.read_bytes() != content:
                write_whole(self._jit_path, content)
        except (OSError, OutputError) as error:
            _log.warning("the next start will be slower: %s", error)

    def _fault(self, what: str, remedy: str) -> BackendError:
        return BackendError(f"{self._runtime.facts.title} {what} ({self._runtime.reason()}): {remedy}, or {WAY_ON}")
