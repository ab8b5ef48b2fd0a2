"""How far a build is: the vendor's tree of phases as one fraction."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["PhaseTree", "Report", "make_monitor"]

Report = Callable[[float, str], None]
"""Called with the fraction done, 0..1 and never falling, and the innermost phase in the vendor's words."""


@dataclass
class _Phase:
    name: str
    parent: str | None
    steps: int
    done: int = 0


class PhaseTree:
    """Phases begin inside a step of their parent. Called from the vendor's threads: one lock guards all state."""

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


def make_monitor(trt: Any, tree: PhaseTree) -> Any:
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
