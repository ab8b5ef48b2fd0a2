"""Results of `rtstyle bench fps` made up for tests."""

from __future__ import annotations

from typing import Any

__all__ = ["MACHINE", "fps_row"]

MACHINE: dict[str, Any] = {
    "date": "2026-01-02",
    "cpu": "Intel Core i5",
    "cores": 4,
    "system": "Linux x86_64",
    "python": "3.12.1",
    "packages": {"openvino": "2026.1.0", "numpy": "2.4.0"},
}


def fps_row(bare: float = 40.0, cam: float = 30.0, **more: Any) -> dict[str, Any]:
    """A measured row; every run lies within one frame a second of the median."""
    rates = {
        f"{what}_fps": {"median": rate, "lowest": rate - 1, "highest": rate + 1}
        for what, rate in (("bare", bare), ("cam", cam))
    }
    return {
        "net": "fast",
        "style": "udnie",
        "size": [640, 480],
        "asked": {"backend": "auto", "precision": None},
        "engine": {"backend": "openvino", "device": "Intel Core i5", "precision": "f32"},
        "frames": 300,
        "rounds": 3,
        "in_flight": 2,
        **rates,
        "ratio": cam / bare,
        "bare_frame_ms": {"p50": 25.0, "p95": 26.0, "p99": 27.0},
        "latency_ms": {"p50": 33.4, "p95": 41.0, "p99": 52.0},
        **more,
    }
