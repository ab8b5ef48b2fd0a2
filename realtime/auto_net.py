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
from typing import Literal

import numpy as np

from engines.backends import AUTO, BackendReport, must_build, usable_backend
from engines.cache import NetTimes
from engines.contract import EngineOptions
from engines.errors import BackendError
from engines.processors import processor
from realtime.chain import open_painter
from realtime.net_choice import NetChoice, pick
from realtime.painter import Treatment
from realtime.recipe import Recipe
from realtime.stats import now_ns

__all__ = ["DEFAULT_RATE", "at_hand", "best_first", "choose", "eligible", "forecast"]

DEFAULT_RATE = 30.0
"""Frames per second to keep where the source does not say how many it brings."""
_BUDGET_S = 1.0
_When = Literal["unknown", "anew", "never"]
_FEWEST = 3
_NS = 1e9


def best_first(recipes: Sequence[Recipe]) -> list[Recipe]:
    """Ranked by the size of the net's file, the largest first; equal ones stay in their order."""
    return sorted(recipes, key=lambda recipe: -len(recipe.net.model))


def choose(
    recipes: Sequence[Recipe],
    size: tuple[int, int],
    *,
    fps: float,
    backend: str = AUTO,
    options: EngineOptions,
    notice: Callable[[str], None],
) -> tuple[Recipe, NetChoice | None]:
    """The recipe for frames of `size` (width, height) that come `fps` times a second.

    recipes: of one style with one net each, the default net first; where there is only one, nothing is timed and there
    is no choice. No engine is built for the sake of timing it, which takes a minute: nets without one are left out, and
    the default net is taken where none has one. Raises what `forecast` raises.
    """
    recipes = eligible(recipes)
    if len(recipes) == 1:
        return recipes[0], None
    ready = at_hand(recipes, size, backend, options)
    if len(ready) < len(recipes):
        names = " and ".join(recipe.net.spec.name for recipe in recipes if recipe not in ready)
        notice(
            f"no engines for the GPU yet of {names} at {size[0]}x{size[1]}: --net auto takes them into account when "
            "they were built with: rtstyle engines build --net all"
        )
    if len(ready) < 2:
        return (ready or recipes)[0], None
    choice = forecast(ready, size, fps=fps, backend=backend, options=options, notice=notice)
    assert choice is not None
    return next(recipe for recipe in ready if recipe.net.spec.name == choice.net), choice


def forecast(
    recipes: Sequence[Recipe],
    size: tuple[int, int],
    *,
    fps: float,
    backend: str = AUTO,
    options: EngineOptions,
    notice: Callable[[str], None],
    timing: _When = "unknown",
) -> NetChoice | None:
    """What `choose` would take, also of one recipe. All timing together takes about a second, and making the engines.

    timing: nets whose time is not remembered; or remembered ones too; or never, and None is returned where memory alone
    cannot tell. A net that cannot run is left out with a notice. Raises what `open_engine` raises where none can.
    """
    report = usable_backend(backend)
    memory = None if options.cache is None else NetTimes(options.cache, notice)
    watch = _Watch(memory, size, report, options, budget_s=_BUDGET_S / len(recipes))
    times_ms = _times_until_too_slow(watch, recipes, fps, timing, notice)
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
        remembered=not watch.used,
        backend=report.name,
    )


def _times_until_too_slow(
    watch: _Watch, recipes: Sequence[Recipe], fps: float, timing: _When, notice: Callable[[str], None]
) -> dict[str, float]:
    """Milliseconds for a frame by net, the best net first, up to the first that does not keep `fps`.

    Empty where one would have to be timed and must not. Raises BackendError where no net can run.
    """
    times_ms: dict[str, float] = {}
    failures: dict[str, BackendError] = {}
    for recipe in reversed(best_first(recipes)):
        net = recipe.net.spec.name
        ms = None if timing == "anew" else watch.recalled(recipe)
        if ms is None and timing == "never":
            return {}
        try:
            times_ms = {net: watch.timed(recipe) if ms is None else ms, **times_ms}
        except BackendError as error:
            failures[net] = error
            continue
        if not pick({net: times_ms[net]}, fps)[1]:
            break
    if not times_ms:
        raise next(iter(failures.values()))
    for net, failure in failures.items():
        notice(f"net {net} is left out: {failure}")
    return times_ms


def eligible(recipes: Sequence[Recipe]) -> Sequence[Recipe]:
    """Those whose nets may be taken by `auto`; all, where there is none."""
    return [recipe for recipe in recipes if recipe.net.spec.auto] or recipes


def at_hand(recipes: Sequence[Recipe], size: tuple[int, int], backend: str, options: EngineOptions) -> list[Recipe]:
    """Those for which no engine is to be built first, as for a GPU. Raises what `open_engine` raises."""
    name = usable_backend(backend).name

    def waits(recipe: Recipe) -> bool:
        larger = (size[0] * recipe.net.spec.scale, size[1] * recipe.net.spec.scale)
        steps = ((recipe.net, size), (recipe.upscaler, larger))
        return any(must_build(name, net, frames, options) for net, frames in steps if net is not None)

    return [recipe for recipe in recipes if not waits(recipe)]


class _Watch:
    """Times recipes on one backend at one size, or recalls their times."""

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

    def recalled(self, recipe: Recipe) -> float | None:
        return None if self._memory is None else self._memory.recall(self._facts(recipe))

    def timed(self, recipe: Recipe) -> float:
        ms = _frame_ms(recipe, self._size, self._report.name, self._options, budget_s=self._budget_s)
        self.used = True
        if self._memory is not None:
            self._memory.remember(self._facts(recipe), ms)
        return ms

    def _facts(self, recipe: Recipe) -> Mapping[str, object]:
        """All that a time depends on, as JSON values; the names are for people who look into the file."""
        nets = [recipe.net] if recipe.upscaler is None else [recipe.net, recipe.upscaler]
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


def _frame_ms(recipe: Recipe, size: tuple[int, int], backend: str, options: EngineOptions, *, budget_s: float) -> float:
    """Milliseconds from one picture to the next, as many in flight as there will be.

    The first frame, during which memory is allotted, counts only where it alone takes more than the budget.
    """
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    pictures = itertools.cycle((picture, 255 - picture))  # one like the last would not be painted
    treatment = Treatment(vector=recipe.treatment.vector)
    with open_painter(recipe.net, recipe.upscaler, size, backend=backend, options=options) as painter:
        began_ns = now_ns()
        painter.submit(next(pictures), treatment)
        painter.collect()
        first_ns = now_ns() - began_ns
        if first_ns > budget_s * _NS:
            return first_ns / 1e6
        for _ in range(painter.depth - 1):
            painter.submit(next(pictures), treatment)
        began_ns, count = now_ns(), 0
        while count < _FEWEST or now_ns() - began_ns < budget_s * _NS:
            painter.submit(next(pictures), treatment)
            painter.collect()
            count += 1
        spent_ns = now_ns() - began_ns
        while painter.in_flight:
            painter.collect()
    return spent_ns / count / 1e6
