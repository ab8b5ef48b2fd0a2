"""Resident memory of `rtstyle cam` over many frames: an installation runs for weeks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["memory_over_frames"]

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def memory_over_frames(frames: int = 20_000, *, early: int = 1000, size: str = "64x48") -> dict[str, object]:
    """Megabytes after about `early` frames and after `frames`, at a small size so that it takes minutes. Linux only.

    The frames are counted by time: the run's own rate says when `early` had passed.
    """
    command = [
        sys.executable,
        "-m",
        "rtstyle",
        "cam",
        "--net",
        "fast",
        "--source",
        "test-pattern",
        "--size",
        size,
        "--headless",
    ]
    command += ["--frames", str(frames), "--json"]
    samples: list[tuple[float, float]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (our own command)
        while process.poll() is None:
            resident = _resident_mb(process.pid)
            if resident is not None:
                samples.append((time.monotonic(), resident))
            time.sleep(0.1)
        assert process.stdout is not None
        summary = json.loads(process.stdout.read())
    ended = samples[-1][0]
    early_at = ended - summary["seconds"] * (1 - early / frames)
    after_early = min(samples, key=lambda sample: abs(sample[0] - early_at))[1]
    late = [megabytes for at, megabytes in samples if at > ended - 0.05 * summary["seconds"]]
    return {
        "frames": frames,
        "size": size,
        "fps": summary["fps"],
        f"mb_after_{early}": round(after_early, 1),
        f"mb_after_{frames}": round(sorted(late)[len(late) // 2], 1),
    }


def _resident_mb(pid: int) -> float | None:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE / 2**20
    except (OSError, IndexError):
        return None
