"""The real command, as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["ROOT", "refused", "run"]

ROOT = Path(__file__).parents[2]


def run(*arguments: str | Path, code: int = 0, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`rtstyle ARGUMENTS` in a process of its own; fails unless it ends with `code`, and without a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "rtstyle", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def refused(*arguments: str | Path) -> str:
    """The one line on stderr of a command that ends with 2."""
    done = run(*arguments, code=2)
    lines = done.stderr.splitlines()
    assert done.stdout == ""
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("rtstyle: ")
    return lines[0]
