"""What a run was: for people in a line, for machines as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["CamSummary", "Percentiles"]

Percentiles = dict[str, float] | None
"""p50, p95 and p99 in milliseconds, of the newest 4,096; None where nothing was timed."""


@dataclass(frozen=True, kw_only=True)
class CamSummary:
    """Frames: `captured` is `shown` and `dropped` together; duplicates are in neither, reused ones are in `shown`.

    Frames that were on their way when the run ended are not counted.
    """

    source: str
    net: str
    choice: dict[str, object] | None
    """Why this net, where several have the style (realtime.net_choice.NetChoice); None where there was no choice."""
    style: str
    """The look at the end."""
    size: tuple[int, int]
    """(width, height) of what was painted."""
    backend: str
    device: str
    precision: str
    in_flight: int
    """Frames that the engine may have at once."""
    handovers: list[dict[str, object]]
    """Engines that were built while the CPU painted (engines.fallback.HotSwap), each with its line; `backend` is that
    of the end."""
    seconds: float
    """From the first shown frame, or the last one that warmed up, to the last."""
    fps: float
    """Shown frames a second over that time."""
    captured: int
    shown: int
    dropped: int
    duplicates: int
    reused: int
    reconnects: int
    latency_ms: Percentiles
    """From capture, before decoding, to shown."""
    stages_ms: dict[str, Percentiles]
    """capture: decoding; wait: for the engine; infer: engine and mixing; show: from painted to shown."""
    recorded: list[str]
    """The newest files."""
    recorded_frames: int
    record_dropped: int
    interrupted: bool

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)

    def line(self) -> str:
        latency = self.latency_ms or {}
        parts = [f"{self.shown} frames shown", f"{self.fps:.1f} a second", f"{self.dropped} dropped"]
        if latency:
            parts.append(f"latency {latency['p50']:.0f} ms (p95 {latency['p95']:.0f})")
        if self.reconnects:
            parts.append(f"{self.reconnects} reconnects")
        if self.recorded:
            parts.append(f"recorded {', '.join(self.recorded)}")
        return ", ".join(parts)
