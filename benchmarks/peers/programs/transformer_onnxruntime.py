"""The net of pytorch/examples fast_neural_style, as an ONNX file, on ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import onnxruntime

if TYPE_CHECKING:
    from benchmarks.peers.runner import Frame, Job, Program

__all__ = ["open_program"]


def open_program(job: Job) -> Program:
    """`settings`: onnx, a file that takes and gives float `(1, 3, h, w)` RGB in 0..255."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    net = onnxruntime.InferenceSession(job["settings"]["onnx"], options, providers=["CPUExecutionProvider"])
    name = net.get_inputs()[0].name

    def call(frame: Frame) -> Frame:
        planes = net.run(None, {name: frame.transpose(2, 0, 1)[None].astype(np.float32)})[0][0]
        return cast("Frame", planes.clip(0, 255).transpose(1, 2, 0).astype(np.uint8))

    return {"about": "ONNX Runtime f32", "call": call}
