"""From a net and a size to a running engine: find it in the store or build it, check it, say what is going on."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from engines.contract import EngineOptions, EngineSpec
from engines.errors import BackendError, MissingPackageError, OutputError
from engines.net_file import NetFile
from engines.nvidia.build import Plan, build_plan, graph_for
from engines.nvidia.cuda import installed_binding, open_cuda
from engines.nvidia.driver import Gpu, find_gpu
from engines.nvidia.engine import TensorRtEngine
from engines.nvidia.faults import WAY_ON
from engines.nvidia.progress import Report
from engines.nvidia.recipe import PRECISIONS, Recipe, SizeRange, make_recipe
from engines.nvidia.runtimes import RuntimeFacts, installed_version, load_runtime, runtime_facts
from engines.nvidia.store import EngineStore, Stored
from engines.parity import check_engine, check_graph

__all__ = ["STORE_FOLDER", "describe_runtime", "is_built", "is_ready", "make_engine", "open_tensorrt"]

STORE_FOLDER = "nvidia"
"""Below the cache folder."""
_SAID_EVERY_S = 5.0

_log = logging.getLogger(__name__)


def describe_runtime(name: str) -> str:
    """One line on what a runtime would run on; asks the driver first, imports no package.

    Raises BackendError or MissingPackageError.
    """
    gpu = find_gpu()
    version = installed_version(name)
    facts = runtime_facts(name)
    _check_supported(facts, gpu)
    binding = installed_binding()
    where = f"{gpu.name} ({gpu.target}, CUDA {gpu.driver}) through {binding}"
    return f"{facts.title} {version} on {where}, f16; can do {', '.join(reversed(PRECISIONS))}"


def open_tensorrt(name: str, net: NetFile, size: tuple[int, int], options: EngineOptions) -> TensorRtEngine:
    """Make an engine for frames of `size` (width, height), built first where there is none yet.

    Raises BackendError or MissingPackageError.
    """
    gpu, wanted = _wanted(name, net, size, options)
    spec = EngineSpec(net=net.spec, size=size, backend=name, device=gpu.name, precision=wanted.precision)
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


def is_built(name: str, net: NetFile, size: tuple[int, int], options: EngineOptions) -> bool:
    """Whether `open_tensorrt` would find an engine, be it one to finish and check first. Raises what that raises."""
    if options.cache is None:
        return False
    return EngineStore(options.cache / STORE_FOLDER).find(_wanted(name, net, size, options)[1])[0] is not None


def is_ready(name: str, net: NetFile, size: tuple[int, int], options: EngineOptions) -> bool:
    """Whether `open_tensorrt` would be quick: the engine is there, was finished on this GPU and checked on it.

    Raises what that raises.
    """
    if options.cache is None:
        return False
    gpu, wanted = _wanted(name, net, size, options)
    stored = EngineStore(options.cache / STORE_FOLDER).find(wanted)[0]
    if stored is None or gpu.name not in stored.checked:
        return False
    return not runtime_facts(name).ahead_of_time or stored.jit_path.is_file()


def _wanted(name: str, net: NetFile, size: tuple[int, int], options: EngineOptions) -> tuple[Gpu, Recipe]:
    """The GPU at hand, and what its best engine is made of."""
    facts = runtime_facts(name)
    gpu = find_gpu()
    version = installed_version(name)
    _check_supported(facts, gpu)
    installed_binding()
    precision = options.precision or "f16"
    if precision not in PRECISIONS:
        raise BackendError(f"{facts.title} runs in {' or '.join(PRECISIONS)} here, {precision} is not possible")
    sizes = SizeRange.around(size, net.spec.size_multiple)
    return gpu, make_recipe(
        net, sizes, precision=precision, runtime=facts, version=version, targets=(gpu.target,), gpu=gpu
    )


def make_engine(
    net: NetFile,
    recipe: Recipe,
    store: EngineStore,
    gpu: Gpu | None,
    report: Report | None = None,
    *,
    cancelled: threading.Event | None = None,
) -> tuple[Stored, bytes]:
    """Build an engine and keep it. Raises BackendError, MissingPackageError or OutputError."""
    plan = _built(net, recipe, store.timing_path(recipe), gpu, report, cancelled=cancelled)
    return store.save(recipe, plan.content, build_s=plan.build_s), plan.content


def _check_supported(facts: RuntimeFacts, gpu: Gpu) -> None:
    if facts.targets is not None and gpu.target not in facts.targets:
        raise BackendError(
            f"{facts.title} does not run on {gpu.name} ({gpu.target}; it takes {', '.join(facts.targets)}): "
            f"use --backend tensorrt or torch, or {WAY_ON}"
        )


def _fetched(store: EngineStore, wanted: Recipe) -> tuple[Stored | None, bytes]:
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
    recipe: Recipe,
    timing_path: Path | None,
    gpu: Gpu | None,
    report: Report | None = None,
    *,
    cancelled: threading.Event | None = None,
) -> Plan:
    runtime = load_runtime(recipe.runtime)
    if gpu is None and not runtime.facts.ahead_of_time:
        raise BackendError(f"{runtime.facts.title} builds on the GPU that is to run the engine")
    graph = graph_for(net, recipe.precision)
    check_graph(net, graph, recipe.precision)
    with contextlib.ExitStack() as stack:
        if report is None:
            what = f"{runtime.facts.title} compiles net {recipe.net} for {recipe.sizes}"
            report = stack.enter_context(_spoken(what))
        return build_plan(runtime, graph, recipe, timing_path=timing_path, report=report, cancelled=cancelled)


@contextlib.contextmanager
def _spoken(what: str) -> Iterator[Report]:
    """Notices for a caller that shows no progress bar: at the start, every five seconds, at the end."""
    began = last = time.monotonic()
    _log.warning("%s: once, then it is kept", what)

    def report(fraction: float, phase: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _SAID_EVERY_S:
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
