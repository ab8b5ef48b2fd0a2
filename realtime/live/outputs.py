"""The display, which shows and counts frames in the main thread, and the virtual camera. (The recorder is in `record`.)

A new sink is one class with the members of `realtime.live.frame.Sink`, and a line in `realtime.live.session`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from engines.errors import MissingPackageError, OutputError
from realtime.live.controls import Request
from realtime.live.frame import LiveFrame
from realtime.live.record import save_snapshot
from realtime.stats import Rate, Timings, now_ns
from realtime.tasks import Closed, Mailbox

__all__ = ["Display", "VirtualCamera"]

_DEFAULT_FPS = 30.0


class Display:
    """The sink of the main thread, which counts what is shown. This one has no screen: `Viewer` adds the window."""

    name = "display"

    def __init__(
        self, *, turn: Callable[[], bool], folder: Path = Path(), warm_up: int = 0, wait_s: float = 0.1
    ) -> None:
        """turn: called by `work` before each frame, and each `wait_s` while none comes; False ends the work.

        folder: where snapshots go. warm_up: so many of the first frames stay out of the rate and the latency.
        """
        self.shown = self.captured = 0
        """Frames, and the number of the newest of them: what was captured until then."""
        self.latency, self.showing = Timings(), Timings()
        self.smooth_ms = 0.0
        """The latency of the newest frames."""
        self.rate = Rate()
        self._first_ns = self._last_ns = 0
        self._turn, self._folder, self._warm_up, self._wait_s = turn, folder, warm_up, wait_s
        self._frames: Mailbox[LiveFrame] = Mailbox()
        self._frame: LiveFrame | None = None

    @property
    def seconds(self) -> float:
        """From the first shown frame, or the last one that warmed up, to the last."""
        return (self._last_ns - self._first_ns) / 1e9

    @property
    def fps(self) -> float:
        """Shown frames a second over that time."""
        return (self.shown - max(1, self._warm_up)) / self.seconds if self.seconds > 0 else 0.0

    def offer(self, frame: LiveFrame) -> None:
        """Show a frame unless a newer one comes first."""
        with suppress(Closed):
            self._frames.put(frame)

    def work(self) -> None:
        with suppress(Closed):
            while self._turn():
                frame = self._frames.get(self._wait_s)
                self._frame = frame or self._frame
                self._show(is_new=frame is not None)
                if frame is not None and not frame.again:
                    self._count(frame)

    def obey(self, request: Request) -> str | None:
        """Save what is shown."""
        if request is not Request.SNAPSHOT or self._frame is None:
            return None
        return f"saved {save_snapshot(self._frame.result, self._folder).name}"

    def facts(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 3),
            "fps": round(self.fps, 2),
            "captured": self.captured,
            "shown": self.shown,
            "dropped": self.captured - self.shown,
            "latency_ms": self.latency.summary_ms(),
        }

    def close(self) -> None:
        self._frames.close()

    def _show(self, *, is_new: bool) -> None:
        """Put the newest frame on the screen, again and again."""

    def _count(self, frame: LiveFrame) -> None:
        now = now_ns()
        self.shown += 1
        self.captured = frame.number
        self._first_ns = now if self.shown <= max(1, self._warm_up) else self._first_ns
        self._last_ns = now
        self.rate.tick(now)
        if self.shown > self._warm_up:
            self.latency.add_ns(now - frame.captured_ns)
            self.showing.add_ns(now - frame.painted_ns)
        latency_ms = (now - frame.captured_ns) / 1e6
        self.smooth_ms += (latency_ms - self.smooth_ms) * (0.1 if self.shown > 1 else 1)


class VirtualCamera:
    """The painted picture as a camera that meeting programs can choose: the newest is sent as soon as there is one."""

    name = "virtual-camera"

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
        self._frames: Mailbox[LiveFrame] = Mailbox()

    def offer(self, frame: LiveFrame) -> None:
        """Send a picture unless a newer one comes first."""
        with suppress(Closed):
            self._frames.put(frame)

    def work(self) -> None:
        try:
            while True:
                frame = self._frames.get()
                assert frame is not None
                self._camera.send(frame.result)
        except Closed:
            pass
        finally:
            self._camera.close()

    def obey(self, request: Request) -> str | None:  # noqa: ARG002 (the protocol's)
        """Nothing is its to do."""
        return None

    def facts(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        """Let the thread end."""
        self._frames.close()
