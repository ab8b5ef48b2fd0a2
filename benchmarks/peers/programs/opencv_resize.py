"""OpenCV's own enlargement, without a net."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2

if TYPE_CHECKING:
    from benchmarks.peers.contract import Frame, Job, Program

__all__ = ["open_program"]

_KINDS = {"bicubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}


def open_program(job: Job) -> Program:
    """`settings`: kind, bicubic or lanczos."""
    cv2.setNumThreads(job["threads"])
    kind, scale = _KINDS[job["settings"]["kind"]], job["scale"]

    def call(frame: Frame) -> Frame:
        return cast("Frame", cv2.resize(frame, None, fx=scale, fy=scale, interpolation=kind))

    return {"about": "OpenCV uint8", "call": call}
