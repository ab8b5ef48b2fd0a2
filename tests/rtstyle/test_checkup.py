from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from rtstyle.diagnostics import camera_reports, folder_report

from realtime.live.cameras import why_closed


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    report = folder_report(tmp_path)
    assert (report.writable, report.text) == (True, "can be written")
    missing = folder_report(tmp_path / "a" / "b")
    assert (missing.writable, missing.text) == (True, "not there yet, can be made")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("x")
    report = folder_report(tmp_path / "cache" / "rtstyle")
    assert not report.writable
    assert report.text.startswith(f"cannot be written in {tmp_path / 'cache'}: ")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="the rights of folders do not bind root")
def test_a_folder_without_the_right_to_write_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert folder_report(tmp_path).text.startswith("cannot be written: ")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="device files are Linux's")
def test_a_camera_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    assert why_closed(str(tmp_path / "video0")) == "No such file or directory"
    (tmp_path / "video1").touch()
    assert why_closed(str(tmp_path / "video1")) is None


def test_cameras_are_reported_one_by_one() -> None:
    for camera in camera_reports(quick=False) or []:
        assert camera.usable == (camera.text == "")
