"""The Python that other programs are installed into: made once, kept in the cache folder, used again."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from engines.atomic import write_whole
from engines.errors import BackendError

__all__ = ["PeerEnvironment"]

_INSTALLED = "installed.json"
_PIP = ("-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--retries", "1", "--only-binary", ":all:")


class PeerEnvironment:
    """A virtual environment below `folder`, one for each version of Python. What it holds is in installed.json."""

    def __init__(self, folder: Path, *, report: Callable[[str], None]) -> None:
        """report: told before anything is made or installed, as both take their time. Nothing is made yet."""
        self.folder = folder / f"python-{sys.version_info.major}.{sys.version_info.minor}"
        self._report = report

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def refresh(self) -> None:
        """Take it away: the next `need` installs the newest versions."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def need(self, requirements: Sequence[str]) -> None:
        """Install those that are not there yet, as wheels, from where pip is set to look. Raises BackendError."""
        if not (self.folder / _INSTALLED).is_file():
            self._report(f"making a Python environment for other programs: {self.folder}")
            self.refresh()  # of one that was left half made
            _run([sys.executable, "-m", "venv", str(self.folder)])
            self._write({})
        installed = json.loads((self.folder / _INSTALLED).read_text(encoding="utf-8"))
        missing = [requirement for requirement in requirements if requirement not in installed]
        if missing:
            self._report(f"installing {', '.join(missing)}")
            _run([str(self.python), *_PIP, *missing])
            today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
            self._write({**installed, **dict.fromkeys(missing, today)})

    def _write(self, installed: dict[str, str]) -> None:
        write_whole(self.folder / _INSTALLED, json.dumps(installed, indent=2).encode())


def _run(command: Sequence[str]) -> None:
    """Raises BackendError with what the command complained about first."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    except OSError as error:
        raise BackendError(f"{command[0]} cannot be started: {error.strerror or error}") from error
    if done.returncode:
        lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        said = next((line for line in lines if line.startswith("ERROR: ")), lines[-1] if lines else "no reason given")
        raise BackendError(f"it cannot be installed: {said.removeprefix('ERROR: ')}")
