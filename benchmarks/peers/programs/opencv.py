"""OpenCV: its own enlargement without a net, or the net of pytorch/examples fast_neural_style on its own inference."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

if TYPE_CHECKING:
    from benchmarks.peers.runner import Frame, Job, Program

__all__ = ["open_program"]

_KINDS = {"bicubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}


def open_program(job: Job) -> Program:
    """`settings`: kind, bicubic or lanczos; or onnx, a file that takes and gives float `(1, 3, h, w)` RGB in 0..255."""
    cv2.setNumThreads(job["threads"])
    return _net(job["settings"]["onnx"]) if "onnx" in job["settings"] else _resize(job)


def _net(file: str) -> Program:
    net = cv2.dnn.readNetFromONNX(file)

    def call(frame: Frame) -> Frame:
        net.setInput(cv2.dnn.blobFromImage(frame))
        planes = net.forward()[0]
        return cast("Frame", planes.clip(0, 255).transpose(1, 2, 0).astype(np.uint8))

    return {"about": "OpenCV DNN f32", "call": call}


def _resize(job: Job) -> Program:
    kind, scale = _KINDS[job["settings"]["kind"]], job["scale"]

    def call(frame: Frame) -> Frame:
        return cast("Frame", cv2.resize(frame, None, fx=scale, fy=scale, interpolation=kind))

    return {"about": "OpenCV uint8", "call": call}
