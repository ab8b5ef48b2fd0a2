"""The choice of a net by how long each takes for a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

__all__ = ["NetChoice", "SHARE", "pick"]

SHARE = 0.9
"""Of the time from one frame to the next that nets may take: camera, window and recording need the rest."""


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


def pick(times_ms: Mapping[str, float], fps: float) -> tuple[str, bool]:
    """The net to take, of milliseconds for a frame by net, the best net first; and whether it keeps `fps`."""
    for net, ms in times_ms.items():
        if ms * fps <= 1000 * SHARE:
            return net, True
    return min(times_ms, key=lambda net: times_ms[net]), False
