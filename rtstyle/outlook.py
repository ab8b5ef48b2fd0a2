"""What `--net auto` would take on this machine, and how fast it would be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engines.backends import AUTO
from engines.cache import cache_folder
from engines.contract import EngineOptions
from engines.errors import RtStyleError
from realtime.net_choice import SHARE, NetChoice, at_hand, eligible, predict
from realtime.pipeline import resolve_all
from realtime.user_options import StyleOptions

__all__ = ["FPS", "Outlook", "SIZES", "outlook"]

SIZES = ((640, 480), (1280, 720))
"""(width, height)."""
FPS = 30.0


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """For one size of frames."""

    size: tuple[int, int]
    choice: NetChoice | None
    reason: str
    """Why there is no choice; empty where there is one."""

    @property
    def expected_fps(self) -> float | None:
        """Frames per second that the whole of `rtstyle cam` can do: more than the engine alone needs time."""
        return None if self.choice is None else round(SHARE * 1000 / self.choice.ms, 1)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        if self.choice is None:
            return {"size": self.size, "fps": FPS, "net": None, "reason": self.reason}
        return {**self.choice.as_dict(), "ms": self.choice.ms, "expected_fps": self.expected_fps}

    def line(self) -> str:
        """For people."""
        begin = f"{self.size[0]}x{self.size[1]} at {FPS:g} frames/s: "
        choice = self.choice
        if choice is None:
            return begin + self.reason
        keeps = "keeps it" if choice.keeps else "does not keep it"
        others = [f"; {net} {ms:.1f} ms" for net, ms in choice.times_ms.items() if net != choice.net]
        return (
            f"{begin}{choice.net}, {keeps}; expect {self.expected_fps:g} frames/s "
            f"({choice.ms:.1f} ms a frame, {'remembered' if choice.remembered else 'timed now'}{''.join(others)})"
        )


def outlook(size: tuple[int, int], *, measure: bool, notice: Callable[[str], None]) -> Outlook:
    """For the default style, frames of `size` (width, height) and the backend that `auto` takes.

    measure: time the nets now, which takes about a second; else only what is remembered is told. As for `rtstyle cam`,
    no engine is built for it.
    """
    options = EngineOptions(cache=cache_folder())
    choice, reason = None, ""
    try:
        found = eligible(list(resolve_all(StyleOptions(), notice=notice)))
        ready = at_hand(found, size, AUTO, options)
        if ready:
            choice = predict(
                ready, size, fps=FPS, options=options, notice=notice, timing="anew" if measure else "never"
            )
            reason = "not timed yet: rtstyle doctor does it without --quick"
        else:
            reason = "its engine is built for the GPU at the first use, and can be timed then"
    except RtStyleError as error:
        reason = f"{error}: {error.hint}" if error.hint else str(error)
    return Outlook(size=size, choice=choice, reason="" if choice is not None else reason)
