"""From a net to a plan: one code path for TensorRT 10, 11 and TensorRT for RTX.

Ahead-of-time builds with TensorRT for RTX run in the tests; builds on a GPU are not yet run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.atomic import write_whole
from engines.errors import BackendError
from engines.fp16 import half_from_net, typed_from_net
from engines.net_file import NetFile
from engines.nvidia.faults import WAY_ON
from engines.nvidia.progress import PhaseTree, Report, make_monitor
from engines.nvidia.recipe import Recipe
from engines.nvidia.runtimes import Runtime

__all__ = ["Plan", "build_plan", "graph_for"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A compiled engine."""

    content: bytes
    build_s: float


def graph_for(net: NetFile, precision: str) -> NetFile:
    """The strongly typed graph that is compiled: types stand in it, no flag changes them. Raises NetFileError."""
    return half_from_net(net) if precision == "f16" else typed_from_net(net)


def build_plan(
    runtime: Runtime,
    graph: NetFile,
    recipe: Recipe,
    *,
    timing_path: Path | None = None,
    report: Report | None = None,
    cancelled: threading.Event | None = None,
) -> Plan:
    """Compile. Ctrl-C and `cancelled` stop the build at its next step. Raises BackendError with the vendor's reason.

    report: called with the fraction done and the phase, from the building thread.
    """
    tree = PhaseTree(report or _silent, cancelled)
    began = time.perf_counter()
    content = _interruptible(lambda: _build(runtime, graph, recipe, timing_path, tree), tree)
    if content is None and tree.cancelled.is_set():
        raise BackendError(f"the build of net {recipe.net} for {recipe.sizes} was stopped")
    if content is None:
        raise BackendError(
            f"{runtime.facts.title} cannot build net {recipe.net} for {recipe.sizes} on {', '.join(recipe.targets)} "
            f"({runtime.reason()}): try a smaller size, or {WAY_ON}"
        )
    return Plan(content=content, build_s=time.perf_counter() - began)


def _build(runtime: Runtime, graph: NetFile, recipe: Recipe, timing_path: Path | None, tree: PhaseTree) -> bytes | None:
    trt = runtime.trt
    runtime.log.last_error = ""
    builder = trt.Builder(runtime.log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, runtime.log)
    if not parser.parse(graph.model):
        reasons = "; ".join(parser.get_error(i).desc() for i in range(parser.num_errors))
        raise BackendError(f"{runtime.facts.title} does not take net {recipe.net}: {reasons or runtime.reason()}")
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # for `engines inspect --layers`; costs no speed
    if recipe.precision == "f32":
        config.clear_flag(trt.BuilderFlag.TF32)  # 10 bits of mantissa are not what f32 promises
    if runtime.facts.ahead_of_time:
        config.num_compute_capabilities = len(recipe.targets)
        for index, target in enumerate(recipe.targets):
            config.set_compute_capability(getattr(trt.ComputeCapability, target.upper()), index)
    profile = builder.create_optimization_profile()
    sizes = (recipe.sizes.smallest, recipe.sizes.typical, recipe.sizes.largest)
    profile.set_shape("frame", *((1, height, width, 3) for width, height in sizes))
    config.add_optimization_profile(profile)
    monitor = make_monitor(trt, tree)  # must outlive the build
    config.progress_monitor = monitor
    uses_timings = timing_path is not None and not runtime.facts.ahead_of_time
    if uses_timings:
        _load_timings(config, timing_path)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        return None
    if uses_timings:
        write_whole(timing_path, bytes(config.get_timing_cache().serialize()))  # type: ignore[arg-type]
    return bytes(plan)


def _load_timings(config: Any, path: Path | None) -> None:
    """A timing cache of another GPU or version is refused by the vendor; an empty one then takes its place."""
    content = path.read_bytes() if path is not None and path.is_file() else b""
    if not (content and config.set_timing_cache(config.create_timing_cache(content), False)):
        config.set_timing_cache(config.create_timing_cache(b""), False)


def _interruptible(work: Callable[[], bytes | None], tree: PhaseTree) -> bytes | None:
    """Run `work` in a thread: an exception out of a callback into the vendor's code would end the process."""
    results: list[bytes | None] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="rtstyle-build")
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.1)
    except KeyboardInterrupt:
        tree.cancelled.set()
        thread.join()
        raise
    if errors:
        raise errors[0]
    return results[0]


def _silent(fraction: float, phase: str) -> None:
    del fraction, phase
