"""What this machine has that matters here: processor, GPUs, cameras, encoders, folders."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CameraReport", "FolderReport", "camera_reports", "folder_report"]


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
