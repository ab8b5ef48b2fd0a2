"""All programs take turns, round after round, so that a noisy machine slows all of them alike."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.launcher import PeerEnvironment, PeerProcess
from benchmarks.peers.roster import Peer
from benchmarks.peers.runner import Job
from benchmarks.results import Spread
from engines.errors import RtStyleError
from realtime.live.sources import PatternSource

__all__ = ["PeersPlan", "measure_peers"]

_CLIP_FRAMES = 16
"""Different ones, which are shown over and over."""


@dataclass(frozen=True, kw_only=True)
class PeersPlan:
    """How long and at what size everybody is measured."""

    sizes: dict[str, tuple[int, int]]
    """(width, height) of the frames by task."""
    frames: int
    """In each run."""
    warm_up: int
    """Frames before those."""
    most_s: float
    """A run ends early where its frames take longer."""
    rounds: int
    threads: int


def measure_peers(
    peers: Sequence[Peer],
    plan: PeersPlan,
    *,
    python: Path,
    environment: PeerEnvironment,
    work: Path,
    report: Callable[[str], None],
) -> list[dict[str, Any]]:
    """A row for each, in order; one that cannot run here has its `reason` in place of figures.

    python: this Python, for those that run `here`. work: a folder; the first picture of each is left there as
    NAME.npy, uint8 `(h, w, 3)` RGB.
    """
    for task, size in plan.sizes.items():
        _write_clip(work / f"{task}.clip.npy", size)
    rows = [_Row(peer, plan, work) for peer in peers]
    with ExitStack() as stack:
        for row in rows:
            row.open(stack, python, environment)
            report(row.opened())
        for turn, row in itertools.product(range(plan.rounds), rows):
            if row.reason is None:
                row.measure()
                report(f"round {turn + 1} of {plan.rounds}: {row.progress()}")
    firsts = {row.peer.task: row for row in reversed(rows)}
    return [row.figures(firsts[row.peer.task]) for row in rows]


class _Row:
    """What has been measured of one program so far."""

    def __init__(self, peer: Peer, plan: PeersPlan, work: Path) -> None:
        self.peer, self._plan, self._work = peer, plan, work
        self.reason: str | None = None
        """Why it cannot run here."""
        self.rates: dict[str, list[float]] = {}
        """Frames per second of every round, by way."""
        self._frames = plan.frames
        self._process: PeerProcess | None = None

    def open(self, stack: ExitStack, python: Path, environment: PeerEnvironment) -> None:
        """Install what it needs, start it, let it paint one frame."""
        try:
            if not self.peer.here:
                environment.need(self.peer.requirements)
                python = environment.python
            self._process = stack.enter_context(PeerProcess(python, self._job(), here=self.peer.here))
        except RtStyleError as error:
            self.reason = error.full_text

    def opened(self) -> str:
        """One line on whether it runs."""
        if self._process is None:
            return f"{self.peer.name}: cannot run here: {self.reason}"
        return f"{self.peer.name}: {self._process.ready['about']}"

    def measure(self) -> None:
        """One round."""
        assert self._process is not None
        plan = self._plan
        try:
            for way in self._process.ready["ways"]:
                done = self._process.run(way, frames=plan.frames, warm_up=plan.warm_up, most_s=plan.most_s)
                self.rates.setdefault(way, []).append(done["fps"])
                self._frames = min(self._frames, int(done["frames"]))
        except RtStyleError as error:
            self.reason = error.full_text

    def progress(self) -> str:
        """One line on the newest round."""
        if self.reason is not None:
            return f"{self.peer.name}: cannot run here: {self.reason}"
        rates = ", ".join(f"{way} {rates[-1]:.2f}" for way, rates in self.rates.items())
        return f"{self.peer.name}: {rates} frames/s"

    def figures(self, first: _Row) -> dict[str, Any]:
        """With the ratios of the first's rates over its own."""
        peer = self.peer
        facts: dict[str, Any] = {"name": peer.name, "task": peer.task, **({"note": peer.note} if peer.note else {})}
        if self._process is None or self.reason is not None:
            return {**facts, "reason": self.reason}
        ready = self._process.ready
        figures = {**facts, "runs_on": ready["about"], "versions": ready["versions"], "frames": self._frames}
        figures["python"] = "rtstyle's own" if peer.here else "the environment of the other programs"
        figures |= {f"{way}_fps": vars(Spread.over(rates)) for way, rates in self.rates.items()}
        if first is not self and first.reason is None:
            figures["ratio"] = {way: vars(_ratio(rates, self._rates_of(way))) for way, rates in first.rates.items()}
        return figures

    def _rates_of(self, way: str) -> list[float]:
        """A program without a way of its own with clips is called for one frame after the other."""
        return self.rates.get(way, self.rates["call"])

    def _job(self) -> Job:
        peer, plan = self.peer, self._plan
        return {
            "program": str(peer.program),
            "size": plan.sizes[peer.task],
            "scale": peer.scale,
            "threads": plan.threads,
            "clip": str(self._work / f"{peer.task}.clip.npy"),
            "picture": str(self._work / f"{peer.name}.npy"),
            "packages": peer.packages,
            "settings": peer.settings,
        }


def _ratio(first: Sequence[float], other: Sequence[float]) -> Spread:
    """Round by round, as what slows the machine for a while slows both."""
    return Spread.over([one / two for one, two in zip(first, other, strict=True)])


def _write_clip(path: Path, size: tuple[int, int]) -> None:
    source = PatternSource(size)
    np.save(path, np.stack([source.read().picture for _ in range(_CLIP_FRAMES)]))
