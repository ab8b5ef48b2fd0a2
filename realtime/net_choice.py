"""Which of several nets that have a style is to paint: the best one that keeps up with the frames.

No net file says how well its net paints. The nets are ranked by the size of their files, which is that of their
weights: `johnson` comes before `fast`, and `fast` before `micro`. They are timed from the smallest up until one does
not keep the rate, for larger ones would take still longer, and more memory than there may be. The best that keeps the
rate paints; where none does, the quickest. Times are remembered (engines.cache). Nets whose files say that they are
not for this (`NetSpec.auto`) are left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from engines.backends import AUTO, BackendReport, must_build, usable_backend
from engines.cache import NetTimes
from engines.contract import EngineOptions
from engines.errors import BackendError
from engines.processors import processor
from realtime.pipeline import ResolvedPipeline, StyleParams, open_pipeline
from realtime.stats import now_ns

__all__ = ["DEFAULT_RATE", "NetChoice", "SHARE", "at_hand", "best_first", "choose", "eligible", "pick", "predict"]

DEFAULT_RATE = 30.0
"""Frames per second to keep where the source does not say how many it brings."""
SHARE = 0.9
"""Of the time from one frame to the next that nets may take: camera, window and recording need the rest."""
_BUDGET_S = 1.0
_When = Literal["unknown", "anew", "never"]
_FEWEST = 3
_NS = 1e9


@dataclass(frozen=True, kw_only=True)
class NetChoice:
    """The net that was taken, and why."""

    net: str
    size: tuple[int, int]
    """(width, height) of the frames."""
    fps: float
    """The rate to be kept, in frames per second."""
    keeps: bool
    """False where no net keeps it: `net` is the quickest then."""
    times_ms: Mapping[str, float]
    """Milliseconds for a frame by net, the best net first; with the upscaler that follows, if any. Of the nets that are
    larger than one that does not keep the rate there are none."""
    remembered: bool
    """Nothing was timed for this choice."""
    backend: str

    @property
    def ms(self) -> float:
        """Milliseconds for a frame with the net that was taken."""
        return self.times_ms[self.net]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)

    def line(self) -> str:
        """For people."""
        why = "the best that keeps" if self.keeps else "the quickest, none keeps"
        others = [f"{net} {ms:.1f} ms" for net, ms in self.times_ms.items() if net != self.net]
        facts = ", ".join(["remembered" if self.remembered else "timed now", *others])
        return (
            f"net {self.net} paints: {why} {self.fps:.4g} frames/s at {self.size[0]}x{self.size[1]}, "
            f"{self.ms:.1f} ms a frame ({facts}); --net NAME takes another"
        )


def best_first(pipelines: Sequence[ResolvedPipeline]) -> list[ResolvedPipeline]:
    """Ranked by the size of the net's file, the largest first; equal ones stay in their order."""
    return sorted(pipelines, key=lambda pipeline: -len(pipeline.net.model))


def choose(
    pipelines: Sequence[ResolvedPipeline],
    size: tuple[int, int],
    *,
    fps: float,
    backend: str = AUTO,
    options: EngineOptions,
    notice: Callable[[str], None],
) -> tuple[ResolvedPipeline, NetChoice | None]:
    """The pipeline for frames of `size` (width, height) that come `fps` times a second.

    pipelines: of one style with one net each, the default net first; where there is only one, nothing is timed and
    there is no choice. No engine is built for the sake of timing it, which takes a minute: nets without one are left
    out, and the default net is taken where none has one. Raises what `predict` raises.
    """
    pipelines = eligible(pipelines)
    if len(pipelines) == 1:
        return pipelines[0], None
    ready = at_hand(pipelines, size, backend, options)
    if len(ready) < len(pipelines):
        names = " and ".join(pipeline.net.spec.name for pipeline in pipelines if pipeline not in ready)
        notice(
            f"no engines for the GPU yet of {names} at {size[0]}x{size[1]}: --net auto takes them into account when "
            "they were built with: rtstyle engines build --net all"
        )
    if len(ready) < 2:
        return (ready or pipelines)[0], None
    choice = predict(ready, size, fps=fps, backend=backend, options=options, notice=notice)
    assert choice is not None
    return next(pipeline for pipeline in ready if pipeline.net.spec.name == choice.net), choice


def predict(
    pipelines: Sequence[ResolvedPipeline],
    size: tuple[int, int],
    *,
    fps: float,
    backend: str = AUTO,
    options: EngineOptions,
    notice: Callable[[str], None],
    timing: _When = "unknown",
) -> NetChoice | None:
    """What `choose` would take, also of one pipeline. All timing together takes about a second, and making the engines.

    timing: nets whose time is not remembered; or remembered ones too; or never, and None is returned where memory alone
    cannot tell. A net that cannot run is left out with a notice. Raises what `open_engine` raises where none can.
    """
    report = usable_backend(backend)
    memory = None if options.cache is None else NetTimes(options.cache, notice)
    timer = _Timer(memory, size, report, options, budget_s=_BUDGET_S / len(pipelines))
    times_ms = _times_until_too_slow(timer, pipelines, fps, timing, notice)
    if memory is not None:
        memory.save()
    if not times_ms:
        return None
    taken, keeps = pick(times_ms, fps)
    return NetChoice(
        net=taken,
        size=size,
        fps=fps,
        keeps=keeps,
        times_ms={net: round(ms, 3) for net, ms in times_ms.items()},
        remembered=not timer.used,
        backend=report.name,
    )


def _times_until_too_slow(
    timer: _Timer, pipelines: Sequence[ResolvedPipeline], fps: float, timing: _When, notice: Callable[[str], None]
) -> dict[str, float]:
    """Milliseconds for a frame by net, the best net first, up to the first that does not keep `fps`.

    Empty where one would have to be timed and must not. Raises BackendError where no net can run.
    """
    times_ms: dict[str, float] = {}
    failures: dict[str, BackendError] = {}
    for pipeline in reversed(best_first(pipelines)):
        net = pipeline.net.spec.name
        ms = None if timing == "anew" else timer.recalled(pipeline)
        if ms is None and timing == "never":
            return {}
        try:
            times_ms = {net: timer.timed(pipeline) if ms is None else ms, **times_ms}
        except BackendError as error:
            failures[net] = error
            continue
        if not pick({net: times_ms[net]}, fps)[1]:
            break
    if not times_ms:
        raise next(iter(failures.values()))
    for net, failure in failures.items():
        notice(f"net {net} is left out: {failure.full_text}")
    return times_ms


def pick(times_ms: Mapping[str, float], fps: float) -> tuple[str, bool]:
    """The net to take, of milliseconds for a frame by net, the best net first; and whether it keeps `fps`."""
    for net, ms in times_ms.items():
        if ms * fps <= 1000 * SHARE:
            return net, True
    return min(times_ms, key=lambda net: times_ms[net]), False


def eligible(pipelines: Sequence[ResolvedPipeline]) -> Sequence[ResolvedPipeline]:
    """Those whose nets may be taken by `auto`; all, where there is none."""
    return [pipeline for pipeline in pipelines if pipeline.net.spec.auto] or pipelines


def at_hand(
    pipelines: Sequence[ResolvedPipeline], size: tuple[int, int], backend: str, options: EngineOptions
) -> list[ResolvedPipeline]:
    """Those for which no engine is to be built first, as for a GPU. Raises what `open_engine` raises."""
    name = usable_backend(backend).name

    def waits(pipeline: ResolvedPipeline) -> bool:
        larger = (size[0] * pipeline.net.spec.scale, size[1] * pipeline.net.spec.scale)
        steps = ((pipeline.net, size), (pipeline.upscaler, larger))
        return any(must_build(name, net, frames, options) for net, frames in steps if net is not None)

    return [pipeline for pipeline in pipelines if not waits(pipeline)]


class _Timer:
    """Times pipelines on one backend at one size, or recalls their times."""

    def __init__(
        self,
        memory: NetTimes | None,
        size: tuple[int, int],
        report: BackendReport,
        options: EngineOptions,
        *,
        budget_s: float,
    ) -> None:
        self._memory, self._size, self._report, self._options = memory, size, report, options
        self._budget_s = budget_s
        self.used = False
        """Something was timed."""

    def recalled(self, pipeline: ResolvedPipeline) -> float | None:
        return None if self._memory is None else self._memory.recall(self._facts(pipeline))

    def timed(self, pipeline: ResolvedPipeline) -> float:
        ms = _frame_ms(pipeline, self._size, self._report.name, self._options, budget_s=self._budget_s)
        self.used = True
        if self._memory is not None:
            self._memory.remember(self._facts(pipeline), ms)
        return ms

    def _facts(self, pipeline: ResolvedPipeline) -> Mapping[str, object]:
        """All that a time depends on, as JSON values; the names are for people who look into the file."""
        nets = pipeline.nets
        return {
            "nets": [net.spec.name for net in nets],
            "digests": [net.digest for net in nets],
            "size": list(self._size),
            "backend": self._report.name,
            "runs_on": self._report.text,
            "precision": self._options.precision,
            "depth": self._options.depth,
            "threads": self._options.threads,
            "cpu": processor().name,
            "cores": processor().cores,
        }


def _frame_ms(
    resolved: ResolvedPipeline, size: tuple[int, int], backend: str, options: EngineOptions, *, budget_s: float
) -> float:
    """Milliseconds from one picture to the next, as many in flight as there will be.

    The first frame, during which memory is allotted, counts only where it alone takes more than the budget.
    """
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    pictures = itertools.cycle((picture, 255 - picture))  # one like the last would not be painted
    params = StyleParams(vector=resolved.params.vector)
    with open_pipeline(resolved, size, backend=backend, options=options) as pipeline:
        began_ns = now_ns()
        pipeline.submit(next(pictures), params)
        pipeline.collect()
        first_ns = now_ns() - began_ns
        if first_ns > budget_s * _NS:
            return first_ns / 1e6
        for _ in range(pipeline.depth - 1):
            pipeline.submit(next(pictures), params)
        began_ns, count = now_ns(), 0
        while count < _FEWEST or now_ns() - began_ns < budget_s * _NS:
            pipeline.submit(next(pictures), params)
            pipeline.collect()
            count += 1
        spent_ns = now_ns() - began_ns
        while pipeline.in_flight:
            pipeline.collect()
    return spent_ns / count / 1e6
