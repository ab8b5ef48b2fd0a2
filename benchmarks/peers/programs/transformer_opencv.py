"""The net of pytorch/examples fast_neural_style, as an ONNX file, on OpenCV's own inference."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

if TYPE_CHECKING:
    from benchmarks.peers.contract import Frame, Job, Program

__all__ = ["open_program"]


def open_program(job: Job) -> Program:
    """`settings`: onnx, a file that takes and gives float `(1, 3, h, w)` RGB in 0..255."""
    cv2.setNumThreads(job["threads"])
    net = cv2.dnn.readNetFromONNX(job["settings"]["onnx"])

    def call(frame: Frame) -> Frame:
        net.setInput(cv2.dnn.blobFromImage(frame))
        planes = net.forward()[0]
        return cast("Frame", planes.clip(0, 255).transpose(1, 2, 0).astype(np.uint8))

    return {"about": "OpenCV DNN f32", "call": call}
