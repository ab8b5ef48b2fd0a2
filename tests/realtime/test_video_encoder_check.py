from __future__ import annotations

from pathlib import Path

import pytest
from rtstyle.api import stylize_video

from engines.errors import OutputError
from realtime.video.encoders import CODECS
from realtime.video.writer import EncoderReport, encoder_reports
from tests.realtime.live.clips import write_clip


@pytest.fixture(scope="module")
def reports() -> dict[str, EncoderReport]:
    return {report.name: report for report in encoder_reports()}


def test_every_encoder_has_a_report_and_those_of_the_cpu_can_be_used(reports: dict[str, EncoderReport]) -> None:
    assert set(reports) == {encoder.name for encoder in CODECS.values()}
    for report in reports.values():
        assert report.usable == (report.text == "")
        if report.device is None:
            assert report.usable
        elif not report.usable:
            assert report.device in report.text or "encodes nothing" in report.text
            assert "--codec" not in report.text
            assert "\n" not in report.text


def test_a_report_is_true_for_hardware(
    reports: dict[str, EncoderReport], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "in.mp4", [0, 40], size=(256, 256))
    for name in ("h264_nvenc", "h264_vaapi"):
        try:
            stylize_video(clip, tmp_path / f"{name}.mp4", codec=name)
        except OutputError:
            assert not reports[name].usable
        else:
            assert reports[name].usable
    assert capfd.readouterr().err == ""
