"""A program in a process of its own, and the talk with its runner: one JSON object a line."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from benchmarks.peers.contract import Job
from engines.errors import BackendError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["PeerProcess"]

_RUNNER = Path(__file__).with_name("runner.py")
_ROOT = Path(__file__).parents[2]
_POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_OPEN_S = 300.0
_SPARE_S = 120.0
"""Beyond what a run may take: a slow program's warm-up and its last frames."""


class PeerProcess:
    """Starts the program and waits until it has painted a frame. Raises BackendError, as `run` does.

    here: it is part of this Python's packages, rtstyle among them; else `python` is an environment of its own.
    `ready` is what the runner told: about, ways, versions. Use it in a `with` block.
    """

    def __init__(self, python: Path, job: Job, *, here: bool, open_s: float = _OPEN_S) -> None:
        self._complaints = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (`close` closes it)
        command = [str(python), *([] if here else ["-I"]), str(_RUNNER), json.dumps(job)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own script, a Python that we chose)
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env=_environment(job["threads"], here=here),
                encoding="utf-8",
            )
        except OSError as error:
            self._complaints.close()
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
        self._complaints.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, word: str, timeout_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        with _deadline(self._process, timeout_s) as late:
            line = self._process.stdout.readline()
        if late.is_set():
            raise BackendError(f"it took longer than {timeout_s:.0f} s")
        if not line:
            raise BackendError(self._end())
        told: dict[str, Any] = json.loads(line)
        if "failed" in told:
            raise BackendError(told["failed"])
        answer: dict[str, Any] = told[word]
        return answer

    def _end(self) -> str:
        """How it ended, with the last thing that it said."""
        code = self._process.wait()
        self._complaints.seek(0)
        said = [line.strip() for line in self._complaints if line.strip()]
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


def _environment(threads: int, *, here: bool) -> Mapping[str, str]:
    environment = {**os.environ, **dict.fromkeys(_POOLS, str(threads))}
    if here:
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = str(_ROOT) if not path else f"{_ROOT}{os.pathsep}{path}"
    return environment
