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
from engines.net_file import NetFile
from engines.nvidia.driver import WAY_ON
from engines.nvidia.key import EngineKey
from engines.nvidia.runtimes import Runtime

__all__ = ["PhaseTree", "Plan", "Report", "build_plan"]

Report = Callable[[float, str], None]
"""Called with the fraction done, 0..1 and never falling, and the innermost phase in the vendor's words."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A compiled engine."""

    content: bytes
    build_s: float


def build_plan(
    runtime: Runtime,
    graph: NetFile,
    key: EngineKey,
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
    content = _interruptible(lambda: _build(runtime, graph, key, timing_path, tree), tree)
    if content is None and tree.cancelled.is_set():
        raise BackendError(f"the build of net {key.net} for {key.sizes} was stopped")
    if content is None:
        raise BackendError(
            f"{runtime.facts.title} cannot build net {key.net} for {key.sizes} on {', '.join(key.targets)} "
            f"({runtime.reason()}): try a smaller size, or {WAY_ON}"
        )
    return Plan(content=content, build_s=time.perf_counter() - began)


def _build(runtime: Runtime, graph: NetFile, key: EngineKey, timing_path: Path | None, tree: PhaseTree) -> bytes | None:
    trt = runtime.trt
    runtime.log.last_error = ""
    builder = trt.Builder(runtime.log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, runtime.log)
    if not parser.parse(graph.model):
        reasons = "; ".join(parser.get_error(i).desc() for i in range(parser.num_errors))
        raise BackendError(f"{runtime.facts.title} does not take net {key.net}: {reasons or runtime.reason()}")
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # for `engines inspect --layers`; costs no speed
    if key.precision == "f32":
        config.clear_flag(trt.BuilderFlag.TF32)  # 10 bits of mantissa are not what f32 promises
    if runtime.facts.ahead_of_time:
        config.num_compute_capabilities = len(key.targets)
        for index, target in enumerate(key.targets):
            config.set_compute_capability(getattr(trt.ComputeCapability, target.upper()), index)
    profile = builder.create_optimization_profile()
    sizes = (key.sizes.smallest, key.sizes.typical, key.sizes.largest)
    profile.set_shape("frame", *((1, height, width, 3) for width, height in sizes))
    config.add_optimization_profile(profile)
    monitor = _make_monitor(trt, tree)  # must outlive the build
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


@dataclass
class _Phase:
    name: str
    parent: str | None
    steps: int
    done: int = 0


class PhaseTree:
    """How far a build is: the vendor's tree of phases as one fraction.

    Phases begin inside a step of their parent. Called from the vendor's threads: one lock guards all state.
    """

    def __init__(self, report: Report, cancelled: threading.Event | None = None) -> None:
        self.cancelled = cancelled or threading.Event()
        """Set to stop the build at its next step."""
        self._report = report
        self._phases: list[_Phase] = []
        self._highest = 0.0
        self._lock = threading.Lock()

    def start(self, name: str, parent: str | None, steps: int) -> None:
        with self._lock:
            self._phases.append(_Phase(name, parent, max(1, steps)))
            self._tell()

    def step(self, name: str, index: int) -> bool:
        """Returns whether the build is to go on."""
        with self._lock:
            phase = self._find(name)
            if phase is not None:
                phase.done = max(phase.done, index + 1)
                self._tell()
        return not self.cancelled.is_set()

    def finish(self, name: str) -> None:
        with self._lock:
            phase = self._find(name)
            if phase is None:
                return
            if phase.parent is None:
                phase.done = phase.steps
                self._tell()
            self._phases.remove(phase)

    def _find(self, name: str) -> _Phase | None:
        return next((phase for phase in reversed(self._phases) if phase.name == name), None)

    def _tell(self) -> None:
        fraction = 0.0
        for phase in reversed(self._phases):
            fraction = min(1.0, (phase.done + min(fraction, 1 - 1e-9)) / phase.steps)
        self._highest = max(self._highest, fraction)
        self._report(self._highest, self._phases[-1].name)


def _make_monitor(trt: Any, tree: PhaseTree) -> Any:
    """The vendor's IProgressMonitor around a tree."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            tree.start(phase_name, parent_phase, num_steps)

        def phase_finish(self, phase_name: str) -> None:
            tree.finish(phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return tree.step(phase_name, step)

    return Monitor()
