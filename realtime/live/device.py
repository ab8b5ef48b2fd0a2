"""A camera through OpenCV. BGR ends here."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from engines.errors import SourceError
from realtime.live.cameras import cameras, cure_for_no_camera, why_closed
from realtime.live.source import Grab, Timing, plausible_rate
from realtime.stats import now_ns

__all__ = ["DeviceSource"]

_DEFAULT_SIZE = (640, 480)
_READ_TIMEOUT_MS = 3000


class DeviceSource:
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

    def read(self) -> Grab:
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
        return Grab(
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
