"""Starts the programs: the Python environment that they are installed into, their processes, and their threads.

Programs of other packages share one virtual environment, made once, kept in the cache folder and used again. Every
program runs in a process of its own, and talks with its runner: one JSON object a line.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.runner import Job
from engines.atomic import write_whole
from engines.errors import BackendError, BadInputError
from engines.lifecycle import Closing

__all__ = ["NEARLY_IDLE", "PeerEnvironment", "PeerProcess", "busy_cores", "checked_threads"]

NEARLY_IDLE = 0.5
"""Busy cores. Where threads have to wait for a core, programs whose threads wait for each other lose most."""
_RUNNER = Path(__file__).with_name("runner.py")
_ROOT = Path(__file__).parents[2]
_POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_OPEN_S = 300.0
_SPARE_S = 120.0
"""Beyond what a run may take: a slow program's warm-up and its last frames."""
_INSTALLED = "installed.json"
_PIP = ("-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--retries", "1", "--only-binary", ":all:")


def busy_cores() -> float | None:
    """How many cores other programs kept busy in the last minute; None where the system does not say."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def checked_threads(threads: int | None) -> int:
    """`threads` as they were asked for, None: one for each core that this process may use. Raises BadInputError.

    Some programs have no setting for it: fewer threads than cores are possible where a process can be kept to some.
    """
    can_be_kept = hasattr(os, "sched_setaffinity")  # Linux
    cores = len(os.sched_getaffinity(0)) if can_be_kept else os.cpu_count() or 1
    if threads is None:
        return cores
    if threads > cores or (threads < cores and not can_be_kept):
        expected = f"1 to {cores}" if can_be_kept else f"{cores}, as this system keeps no process to some of its cores"
        raise BadInputError(f"expected threads: {expected}, got {threads}")
    return threads


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
            _install([sys.executable, "-m", "venv", str(self.folder)])
            self._write({})
        installed = json.loads((self.folder / _INSTALLED).read_text(encoding="utf-8"))
        missing = [requirement for requirement in requirements if requirement not in installed]
        if missing:
            self._report(f"installing {', '.join(missing)}")
            _install([str(self.python), *_PIP, *missing])
            today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
            self._write({**installed, **dict.fromkeys(missing, today)})

    def _write(self, installed: dict[str, str]) -> None:
        write_whole(self.folder / _INSTALLED, json.dumps(installed, indent=2).encode())


def _install(command: Sequence[str]) -> None:
    """Raises BackendError with what the command complained about first."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    except OSError as error:
        raise BackendError(f"{command[0]} cannot be started: {error.strerror or error}") from error
    if done.returncode:
        lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        said = next((line for line in lines if line.startswith("ERROR: ")), lines[-1] if lines else "no reason given")
        raise BackendError(f"it cannot be installed: {said.removeprefix('ERROR: ')}")


class PeerProcess(Closing):
    """Starts the program and waits until it has painted a frame. Raises BackendError, as `run` does.

    here: it is part of this Python's packages, rtstyle among them; else `python` is an environment of its own.
    `ready` is the runner's first answer: about, ways, versions. Use it in a `with` block.
    """

    def __init__(self, python: Path, job: Job, *, here: bool, open_s: float = _OPEN_S) -> None:
        self._stderr = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (`close` closes it)
        command = [str(python), *([] if here else ["-I"]), str(_RUNNER), json.dumps(job)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own script, a Python that we chose)
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=_thread_settings(job["threads"], here=here),
                encoding="utf-8",
            )
        except OSError as error:
            self._stderr.close()
            raise BackendError(f"{python} cannot be started: {error.strerror or error}") from error
        try:
            self.ready: dict[str, Any] = self._answer("ready", open_s)
        except BaseException:
            self.close()
            raise

    def run(self, way: str, *, frames: int, warm_up: int, most_s: float) -> dict[str, float]:
        """Time it: returns `fps`, and `frames`, which are fewer where all would take longer than `most_s`."""
        request = {"way": way, "frames": frames, "warm_up": warm_up, "most_s": most_s}
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then there is no answer, which has its reason
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return self._answer("done", most_s + _SPARE_S)

    def close(self) -> None:
        """End it, now. Twice is harmless."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):  # what was written last found no reader
                pipe.close()
        self._stderr.close()

    def _answer(self, word: str, timeout_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        with _deadline(self._process, timeout_s) as late:
            line = self._process.stdout.readline()
        if late.is_set():
            raise BackendError(f"it took longer than {timeout_s:.0f} s")
        if not line:
            raise BackendError(self._end())
        message: dict[str, Any] = json.loads(line)
        if "failed" in message:
            raise BackendError(message["failed"])
        answer: dict[str, Any] = message[word]
        return answer

    def _end(self) -> str:
        """How it ended, with the last thing that it said."""
        code = self._process.wait()
        self._stderr.seek(0)
        said = [line.strip() for line in self._stderr if line.strip()]
        how = f"it was ended by signal {-code}" if code < 0 else f"it ended with exit code {code}"
        return f"{how}: {said[-1]}" if said else how


@contextlib.contextmanager
def _deadline(process: subprocess.Popen[str], timeout_s: float) -> Iterator[threading.Event]:
    """Kills the process after the time, which ends a read from it, and says so."""
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(timeout_s, end)
    timer.name = "rtstyle-deadline"
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        timer.join()


def _thread_settings(threads: int, *, here: bool) -> Mapping[str, str]:
    environment = {**os.environ, **dict.fromkeys(_POOLS, str(threads))}
    if here:
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = str(_ROOT) if not path else f"{_ROOT}{os.pathsep}{path}"
    return environment
