"""Small programs for runners, as files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.peers.launcher import PeerProcess
from numpy.typing import NDArray

from benchmarks.peers.runner import Job

__all__ = ["IDENTITY", "job_for", "opened", "written"]

IDENTITY = """
def open_program(job):
    return {"about": "nothing", "call": lambda frame: frame.copy()}
"""


def written(folder: Path, text: str, name: str = "program.py") -> Path:
    """The program's file."""
    path = folder / name
    path.write_text(text)
    return path


def job_for(folder: Path, program: Path, *, scale: int = 1, **settings: Any) -> Job:
    """Three frames of 20x16 that differ."""
    clip: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (3, 16, 20, 3), np.uint8)
    np.save(folder / "clip.npy", clip)
    return {
        "program": str(program),
        "size": (20, 16),
        "scale": scale,
        "threads": 1,
        "clip": str(folder / "clip.npy"),
        "picture": str(folder / "picture.npy"),
        "packages": ("numpy", "no-such-package"),
        "settings": settings,
    }


def opened(folder: Path, text: str, *, open_s: float = 60.0) -> PeerProcess:
    """A runner with this program, in this Python."""
    return PeerProcess(Path(sys.executable), job_for(folder, written(folder, text)), here=True, open_s=open_s)
