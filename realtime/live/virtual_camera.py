"""The painted picture as a camera that meeting programs can choose."""

from __future__ import annotations

from engines.contract import Picture
from engines.errors import MissingPackageError, OutputError
from realtime.live.paint import Painted
from realtime.queues import Closed, Mailbox

__all__ = ["VirtualCamera"]

_DEFAULT_FPS = 30.0


class VirtualCamera:
    """One virtual camera; `work` runs in its own thread and sends the newest picture as soon as there is one."""

    def __init__(self, size: tuple[int, int], *, fps: float | None) -> None:
        """`size` is (width, height). Raises MissingPackageError, or OutputError where there is no loopback device."""
        try:
            import pyvirtualcam  # noqa: PLC0415 (an extra)
        except ImportError as error:
            raise MissingPackageError("a virtual camera", "pyvirtualcam", extra="virtual-camera") from error
        try:
            self._camera: pyvirtualcam.Camera = pyvirtualcam.Camera(
                width=size[0], height=size[1], fps=fps or _DEFAULT_FPS
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise OutputError(
                "no virtual camera can be opened: load v4l2loopback on Linux (sudo modprobe v4l2loopback "
                "exclusive_caps=1), or install OBS on Windows and macOS"
            ) from error
        self.device = str(self._camera.device)
        self._pictures: Mailbox[Picture] = Mailbox()

    def offer(self, painted: Painted) -> None:
        """Send a picture unless a newer one comes first. Never waits."""
        self._pictures.put(painted.picture)

    def close(self) -> None:
        """Let the thread end."""
        self._pictures.close()

    def work(self) -> None:
        try:
            while True:
                picture = self._pictures.get()
                assert picture is not None
                self._camera.send(picture)
        except Closed:
            pass
        finally:
            self._camera.close()
