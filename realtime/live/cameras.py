"""Which cameras there are."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2

__all__ = ["Camera", "cameras", "cure_for_no_camera", "probe", "why_closed"]

_SYSFS = Path("/sys/class/video4linux")
_MOST_INDICES = 10


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera that the system knows of."""

    source: str
    """What to pass to --source."""
    path: str
    """Its device file on Linux, its index elsewhere."""
    name: str
    """What its driver calls it; empty where the system does not say."""


def cameras(sysfs: Path = _SYSFS) -> list[Camera]:
    """All cameras by index. Linux names them without opening one; elsewhere the first indices are opened in turn."""
    if not sys.platform.startswith("linux"):
        return [
            Camera(source=str(index), path=str(index), name="") for index in range(_MOST_INDICES) if probe(str(index))
        ]
    found = []
    for folder in sysfs.glob("video*"):
        number = folder.name.removeprefix("video")
        if not number.isdigit() or _text(folder / "index") not in ("0", ""):
            continue  # the second node of a camera carries its metadata, no pictures
        found.append(Camera(source=number, path=f"/dev/{folder.name}", name=_text(folder / "name")))
    return sorted(found, key=lambda camera: int(camera.source))


def probe(path: str) -> tuple[int, int] | None:
    """(width, height) that a camera gives unasked; None where it cannot be opened, because it is none or is in use."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    if sys.platform.startswith("linux"):
        capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    else:
        capture = cv2.VideoCapture(int(path))
    try:
        if not capture.isOpened():
            return None
        return int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    finally:
        capture.release()


def why_closed(path: str) -> str | None:
    """Why a camera's device file on Linux cannot be used, which OpenCV does not say; None where it can be opened.

    Opening it starts no camera.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        reason = error.strerror or str(error)
        return f"{reason}, add your user to the group video" if error.errno == errno.EACCES else reason
    return None


def cure_for_no_camera() -> str:
    return "pass --source FILE, --source http://... or rtsp://..., or --source test-pattern"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
