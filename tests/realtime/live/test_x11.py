from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from engines.errors import OutputError
from realtime.live.x11 import repeat_map_notify, require_display
from tests.xvfb import x_server

_MISSING = [tool for tool in ("Xvfb", "xev") if shutil.which(tool) is None]
_needs_x = pytest.mark.skipif(bool(_MISSING), reason=f"needs {', '.join(_MISSING)}: apt-get install xvfb x11-utils")


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with x_server() as name:
        monkeypatch.setenv("DISPLAY", name)
        yield


def _wait_for(window: subprocess.Popen[str], words: str) -> None:
    """Read what xev says of its events up to a line with those words."""
    assert window.stdout is not None
    assert any(words in line for line in window.stdout)


@_needs_x
def test_a_window_of_that_title_is_told_once_more_that_it_is_on_the_screen(display: None) -> None:  # noqa: ARG001
    windows = []
    try:
        for name in ("one", "other"):  # in turn: one that lies below another from the start is never exposed
            windows.append(subprocess.Popen(["xev", "-name", name], stdout=subprocess.PIPE, text=True))
            _wait_for(windows[-1], "Expose event")
        repeat_map_notify("other")
        _wait_for(windows[1], "synthetic YES")
    finally:
        for window in windows:
            window.kill()
        told = [window.communicate()[0] for window in windows]
    assert "synthetic YES" not in told[0]


@_needs_x
def test_a_display_that_is_there_is_accepted(display: None) -> None:  # noqa: ARG001
    require_display()


def test_a_display_that_is_not_there_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4095")
    with pytest.raises(OutputError, match=r"':4095' \(DISPLAY\) cannot be reached: use --headless"):
        require_display()
    repeat_map_notify("mine")  # nothing to tell, and nobody to complain to
    monkeypatch.delenv("DISPLAY")
    with pytest.raises(OutputError, match="DISPLAY names none"):
        require_display()
