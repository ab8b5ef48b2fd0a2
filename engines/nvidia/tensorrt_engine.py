"""Engines on TensorRT and TensorRT for RTX: found in the store or built, checked, and run.

Not yet run on a GPU.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.atomic import write_whole
from engines.contract import EngineOptions, EngineSpec
from engines.errors import BackendError, MissingPackageError, OutputError
from engines.fp16 import typed_graph
from engines.net_file import NetFile
from engines.nvidia.build import Plan, Report, build_plan
from engines.nvidia.cuda import Cuda, installed_binding, open_cuda
from engines.nvidia.driver import WAY_ON, Gpu, find_gpu
from engines.nvidia.gpu_engine import GpuEngine, Slot
from engines.nvidia.key import TENSORRT_PRECISIONS, EngineKey, SizeRange, make_key
from engines.nvidia.runtimes import Runtime, RuntimeFacts, installed_version, load_runtime, runtime_facts
from engines.nvidia.store import EngineStore, StoredEngine
from engines.parity import check_engine, check_graph

__all__ = ["STORE_FOLDER", "TensorRtBackend", "TensorRtEngine", "make_engine"]

STORE_FOLDER = "nvidia"
"""Below the cache folder."""
_LOG_EVERY_S = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TensorRtBackend:
    """What the backends on TensorRT and TensorRT for RTX offer, see `engines.backends.Builder`. Imports no package."""

    name: str
    """One of RUNTIMES."""

    @property
    def title(self) -> str:
        """Its name in words."""
        return runtime_facts(self.name).title

    def describe(self) -> str:
        """One line on what it would run on; asks the driver first. Raises BackendError or MissingPackageError."""
        gpu = find_gpu()
        version = installed_version(self.name)
        _check_supported(runtime_facts(self.name), gpu)
        where = f"{gpu.name} ({gpu.target}, CUDA {gpu.driver}) through {installed_binding()}"
        return f"{self.title} {version} on {where}, f16; can do {', '.join(reversed(TENSORRT_PRECISIONS))}"

    def open_engine(self, net: NetFile, size: tuple[int, int], options: EngineOptions) -> TensorRtEngine:
        """Make an engine for frames of `size` (width, height), built first where there is none yet.

        Raises BackendError or MissingPackageError.
        """
        gpu, wanted = self.wanted(net, size, options)
        spec = EngineSpec(net=net.spec, size=size, backend=self.name, device=gpu.name, precision=wanted.precision)
        if options.cache is None:
            plan = _built(net, wanted, None, gpu, cancelled=options.cancelled).content
            engine = _started(spec, options.depth, plan, None)
            _checked(engine, net, wanted.precision)
            return engine
        store = EngineStore(options.cache / STORE_FOLDER)
        stored, plan = _fetched(store, wanted)
        if stored is None:
            stored, plan = make_engine(net, wanted, store, gpu, cancelled=options.cancelled)
        engine = _started(spec, options.depth, plan, stored.jit_path)
        if gpu.name not in stored.checked:
            found_db = _checked(engine, net, wanted.precision)
            with contextlib.suppress(OutputError):  # a read-only store: it is checked again next time
                store.mark_checked(stored, gpu.name, min(found_db, 99.0))
        return engine

    def is_built(self, net: NetFile, size: tuple[int, int], options: EngineOptions) -> bool:
        """Whether there is an engine, be it one to finish and check first. Raises what `open_engine` raises."""
        return self._found(net, size, options)[1] is not None

    def is_ready(self, net: NetFile, size: tuple[int, int], options: EngineOptions) -> bool:
        """Whether `open_engine` would be quick: the engine is there, was finished on this GPU and checked on it.

        Raises what that raises.
        """
        gpu, stored = self._found(net, size, options)
        if gpu is None or stored is None or gpu.name not in stored.checked:
            return False
        return not runtime_facts(self.name).ahead_of_time or stored.jit_path.is_file()

    def wanted(self, net: NetFile, size: tuple[int, int], options: EngineOptions) -> tuple[Gpu, EngineKey]:
        """The GPU at hand, and the key of its best engine for frames of `size` (width, height)."""
        facts = runtime_facts(self.name)
        gpu = find_gpu()
        version = installed_version(self.name)
        _check_supported(facts, gpu)
        installed_binding()
        precision = options.precision or "f16"
        if precision not in TENSORRT_PRECISIONS:
            able = " or ".join(TENSORRT_PRECISIONS)
            raise BackendError(f"{facts.title} runs in {able} here, {precision} is not possible")
        sizes = SizeRange.around(size, net.spec.size_multiple)
        return gpu, make_key(
            net, sizes, precision=precision, runtime=facts, version=version, targets=(gpu.target,), gpu=gpu
        )

    def _found(
        self, net: NetFile, size: tuple[int, int], options: EngineOptions
    ) -> tuple[Gpu | None, StoredEngine | None]:
        """The GPU and the engine that is kept for it; no GPU is asked for where none are kept."""
        if options.cache is None:
            return None, None
        gpu, wanted = self.wanted(net, size, options)
        return gpu, EngineStore(options.cache / STORE_FOLDER).find(wanted)[0]


def make_engine(
    net: NetFile,
    key: EngineKey,
    store: EngineStore,
    gpu: Gpu | None,
    report: Report | None = None,
    *,
    cancelled: threading.Event | None = None,
) -> tuple[StoredEngine, bytes]:
    """Build an engine and keep it. Raises BackendError, MissingPackageError or OutputError."""
    plan = _built(net, key, store.timing_path(key), gpu, report, cancelled=cancelled)
    return store.save(key, plan.content, build_s=plan.build_s), plan.content


def _check_supported(facts: RuntimeFacts, gpu: Gpu) -> None:
    if facts.targets is not None and gpu.target not in facts.targets:
        raise BackendError(
            f"{facts.title} does not run on {gpu.name} ({gpu.target}; it takes {', '.join(facts.targets)}): "
            f"use --backend tensorrt or torch, or {WAY_ON}"
        )


def _fetched(store: EngineStore, wanted: EngineKey) -> tuple[StoredEngine | None, bytes]:
    """The stored engine and its plan; says why others of the net are not used."""
    stored, reasons = store.find(wanted)
    if stored is None:
        for reason in reasons:
            _log.warning("an engine is there but cannot be used: %s", reason)
        return None, b""
    try:
        return stored, stored.read()
    except BackendError as error:
        _log.warning("%s: it is built anew", error)
        store.remove(store.files_of(stored))
        return None, b""


def _built(
    net: NetFile,
    key: EngineKey,
    timing_path: Path | None,
    gpu: Gpu | None,
    report: Report | None = None,
    *,
    cancelled: threading.Event | None = None,
) -> Plan:
    runtime = load_runtime(key.runtime)
    if gpu is None and not runtime.facts.ahead_of_time:
        raise BackendError(f"{runtime.facts.title} builds on the GPU that is to run the engine")
    graph = typed_graph(net, key.precision)
    check_graph(net, graph, key.precision)
    with contextlib.ExitStack() as stack:
        if report is None:
            what = f"{runtime.facts.title} compiles net {key.net} for {key.sizes}"
            report = stack.enter_context(_logged_progress(what))
        return build_plan(runtime, graph, key, timing_path=timing_path, report=report, cancelled=cancelled)


@contextlib.contextmanager
def _logged_progress(what: str) -> Iterator[Report]:
    """Progress in the log, for a caller that shows no progress bar: at the start, every five seconds, at the end."""
    began = last = time.monotonic()
    _log.warning("%s: once, then it is kept", what)

    def report(fraction: float, phase: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _LOG_EVERY_S:
            last = time.monotonic()
            _log.warning("%s: %d %%, %.0f s (%s)", what, 100 * fraction, last - began, phase)

    yield report
    _log.warning("%s: done in %.1f s", what, time.monotonic() - began)


def _started(spec: EngineSpec, depth: int, plan: bytes, jit_path: Path | None) -> TensorRtEngine:
    runtime = load_runtime(spec.backend)
    return TensorRtEngine(spec, depth, runtime, open_cuda(), plan, jit_path=jit_path)


def _checked(engine: TensorRtEngine, net: NetFile, precision: str) -> float:
    try:
        return check_engine(engine, net, precision)
    except BaseException:
        with contextlib.suppress(BackendError, MissingPackageError):
            engine.close()
        raise


class TensorRtEngine(GpuEngine):
    """One plan, loaded once, with an execution context for each slot.

    Addresses and shapes are set once, so that captured graphs stay valid.
    """

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
