"""The real command in its own process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rtstyle.command import run


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    return {"RTSTYLE_HOME": str(tmp_path / "home"), "RTSTYLE_CACHE": str(tmp_path / "cache")}


def test_the_doctor_times_the_nets_and_quick_tells_what_is_remembered(folders: dict[str, str]) -> None:
    before = json.loads(run("doctor", "--quick", "--json", env=folders).stdout)
    assert [row["net"] for row in before["auto"]] == [None, None]
    assert all("without --quick" in row["line"] for row in before["auto"])
    assert not Path(folders["RTSTYLE_CACHE"]).exists()

    done = run("doctor", "--json", env=folders)
    measured = json.loads(done.stdout)
    assert "timing nets at 640x480 and 1280x720" in done.stderr
    assert [row["size"] for row in measured["auto"]] == [[640, 480], [1280, 720]]
    for row in measured["auto"]:
        assert (row["remembered"], row["fps"]) == (False, 30)
        assert row["ms"] == row["times_ms"][row["net"]] > 0
        assert row["expected_fps"] == pytest.approx(900 / row["ms"], abs=0.1)
        assert row["keeps"] == (row["ms"] <= 30)

    quick = run("doctor", "--quick", "--json", env=folders)
    assert quick.stderr == ""
    after = json.loads(quick.stdout)
    assert [row["remembered"] for row in after["auto"]] == [True, True]
    assert [row["times_ms"] for row in after["auto"]] == [row["times_ms"] for row in measured["auto"]]


def test_the_facts_are_one_json_object(folders: dict[str, str]) -> None:
    facts = json.loads(run("doctor", "--quick", "--json", env=folders).stdout)
    assert facts["cpu"]["name"]
    assert facts["cpu"]["cores"] >= 1
    assert facts["backend"] in [report["name"] for report in facts["backends"] if report["usable"]]
    assert facts["nets"]["fast"] > 0
    assert {"libx264", "h264_nvenc", "h264_vaapi"} <= {encoder["name"] for encoder in facts["encoders"]}
    assert facts["folders"]["cache"] == {"writable": True, "text": "not there yet, can be made"}
    assert (facts["user_folder"], facts["cache_folder"]) == (folders["RTSTYLE_HOME"], folders["RTSTYLE_CACHE"])
    for more in facts["install"]:
        assert more["command"].startswith('pip install "rtstyle[')
    assert isinstance(facts["gpus"], list)
    assert isinstance(facts["cameras"], list | None)


def test_for_people_every_part_has_its_lines(folders: dict[str, str]) -> None:
    text = run("doctor", "--quick", env=folders).stdout
    for part in (
        "CPU: ",
        "GPU: ",
        "-> ",
        "fast: ",
        "640x480 at 30 frames/s: ",
        "Cameras",
        "libx264 (h264)",
        "RTSTYLE_HOME",
    ):
        assert part in text


def test_what_is_broken_is_told_and_breaks_nothing(folders: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "fast.onnx").write_bytes(b"nonsense")
    (tmp_path / "cache").write_text("a file in the way")
    facts = json.loads(run("doctor", "--json", env=folders).stdout)
    assert all("fast.onnx" in row["reason"] for row in facts["auto"])
    assert facts["folders"]["cache"]["writable"] is False
