"""What all tests share: the data folder, and rules that no test may break."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_SHARED = Path(os.environ.get("RTSTYLE_TEST_DATA", _ROOT.parent / "shared" / "data"))


def shared(name: str) -> Path:
    """A file or folder of the test data; skips the test, with the reason, where there is none."""
    path = _SHARED / name
    if not path.exists():
        pytest.skip(f"needs test data at {path} (RTSTYLE_TEST_DATA)")
    return path


def pytest_configure() -> None:
    """A shell without job control has what it puts into the background ignore Ctrl-C, which some tests are about."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's own nets, styles and compiled nets."""
    monkeypatch.setenv("RTSTYLE_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("RTSTYLE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A test that logs an error or leaves a thread of ours running fails."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2
    while (left := [t for t in threading.enumerate() if t not in before and t.name.startswith("rtstyle")]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.01)
    assert not left, f"threads left behind: {left}"
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not errors, f"errors logged: {[record.getMessage() for record in errors]}"
