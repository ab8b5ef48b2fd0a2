"""Files made by a key press: names that are free, and PNG pictures."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import cv2

from engines.contract import Picture
from engines.errors import OutputError

__all__ = ["free_path", "save_snapshot"]

_MOST_TRIES = 1000


def free_path(folder: Path, suffix: str) -> Path:
    """`rtstyle-DATE-TIME.suffix` in `folder`, with `-2`, `-3` and so on where that is taken."""
    stem = f"rtstyle-{datetime.now():%Y%m%d-%H%M%S}"
    for number in range(1, _MOST_TRIES):
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        if not path.exists():
            return path
    raise OutputError(f"{folder}: there are {_MOST_TRIES} files called {stem} already")


def save_snapshot(picture: Picture, folder: Path) -> Path:
    """Write a uint8 `(h, w, 3)` RGB picture as PNG under a name that no file has. Raises OutputError."""
    content = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
    while True:
        path = free_path(folder, ".png")
        try:
            with path.open("xb") as file:  # another program may have taken the name meanwhile
                try:
                    file.write(content)
                except OSError:
                    path.unlink(missing_ok=True)
                    raise
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
        return path
