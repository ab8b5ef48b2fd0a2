"""Cameras through OpenCV: which there are, and one as a source of frames. BGR ends here."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.errors import SourceError
from engines.processors import system_text
from realtime.live.frame import LiveFrame, Timing, plausible_rate
from realtime.stats import now_ns

__all__ = ["Camera", "CameraSource", "cameras", "cure_for_no_camera", "probe_camera", "why_closed"]

_SYSFS = Path("/sys/class/video4linux")
_MOST_INDICES = 10
_DEFAULT_SIZE = (640, 480)
_READ_TIMEOUT_MS = 3000


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
            Camera(source=str(index), path=str(index), name="")
            for index in range(_MOST_INDICES)
            if probe_camera(str(index))
        ]
    found = []
    for folder in sysfs.glob("video*"):
        number = folder.name.removeprefix("video")
        if not number.isdigit() or system_text(folder / "index") not in ("0", ""):
            continue  # the second node of a camera carries its metadata, no pictures
        found.append(Camera(source=number, path=f"/dev/{folder.name}", name=system_text(folder / "name")))
    return sorted(found, key=lambda camera: int(camera.source))


def probe_camera(path: str) -> tuple[int, int] | None:
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


class CameraSource:
    """A camera, asked for size, rate, MJPG (raw video fills a USB 2 bus at 640x480) and a buffer of one frame."""

    timing: Timing = "live"

    def __init__(self, source: str, *, size: tuple[int, int] | None, fps: float | None) -> None:
        """`source` is an index or a path. Raises SourceError with what was tried."""
        linux = sys.platform.startswith("linux")
        self.name = f"/dev/video{source}" if linux and source.isdigit() else source
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it explains failures in its own words
        if linux:
            reason = why_closed(self.name)
            if reason is not None:
                raise _no_camera(self.name, reason)
            self._capture = cv2.VideoCapture(self.name, cv2.CAP_V4L2)
        else:
            self._capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
        if not self._capture.isOpened():
            self._capture.release()
            raise _no_camera(self.name, "it cannot be opened, perhaps another program uses it")
        self._ask(size or _DEFAULT_SIZE, fps)
        self.rate = plausible_rate(self._capture.get(cv2.CAP_PROP_FPS))

    def read(self) -> LiveFrame:
        try:
            grabbed = self._capture.grab()
            captured_ns = now_ns()
            came, picture = self._capture.retrieve() if grabbed else (False, None)
        except cv2.error as error:
            raise SourceError(f"{self.name} gives no picture: {error.err or 'OpenCV cannot decode it'}") from error
        if not came or picture is None:
            raise SourceError(f"{self.name} gives no picture any more")
        clock_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if picture.ndim == 2:  # an infrared camera
            rgb = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
        else:
            rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=picture)
        return LiveFrame(
            picture=np.asarray(rgb, np.uint8), captured_ns=captured_ns, clock_s=clock_s if clock_s > 0 else None
        )

    def rewind(self) -> None:
        raise SourceError(f"{self.name} is a camera: only a file can start again")

    def close(self) -> None:
        self._capture.release()

    def _ask(self, size: tuple[int, int], fps: float | None) -> None:
        """MJPG comes first: most cameras offer their sizes and rates for a format."""
        wishes: list[tuple[int, float]] = [
            (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
            (cv2.CAP_PROP_FRAME_WIDTH, size[0]),
            (cv2.CAP_PROP_FRAME_HEIGHT, size[1]),
            (cv2.CAP_PROP_BUFFERSIZE, 1),
            (cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_TIMEOUT_MS),
        ]
        if fps is not None:
            wishes.insert(3, (cv2.CAP_PROP_FPS, fps))
        for what, wish in wishes:
            self._capture.set(what, wish)  # a camera that cannot do it says no and stays as it is


def _no_camera(tried: str, reason: str) -> SourceError:
    others = [camera.path for camera in cameras() if camera.path != tried and Path(camera.path).exists()]
    found = f"there is also {', '.join(others)}; " if others else ""
    return SourceError(f"no camera: tried {tried} ({reason}); {found}{cure_for_no_camera()}")
