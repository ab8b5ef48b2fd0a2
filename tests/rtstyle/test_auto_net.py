"""`--net auto` from end to end: the real commands, and two nets of different weight with one style."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engines.cache import times_path

import rtstyle
from tests.engines.nets import add_net, add_style, slow_net, tint_net, vector
from tests.realtime.live.clips import write_clip
from tests.rtstyle.command import run

_CAM = ("--source", "test-pattern", "--size", "96x64", "--headless", "--backend", "openvino")


@pytest.fixture(autouse=True)
def _two_nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Style red in `quick` and in `rich`, which has much more to do; style green in `rich` only."""
    monkeypatch.setenv("RTSTYLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RTSTYLE_CACHE", str(tmp_path / "cache"))
    for net in (tint_net(name="quick"), slow_net(name="rich")):
        add_net(tmp_path / "home", net)
        add_style(tmp_path / "home", net, "red", vector(90, 0, 0))
        if net.spec.name == "rich":
            add_style(tmp_path / "home", net, "green", vector(0, 90, 0))


def _cam(*told: str) -> tuple[dict[str, Any], list[str]]:
    """The summary, and the lines on stderr."""
    done = run("cam", *_CAM, "--frames", "1", "--json", *told)
    return json.loads(done.stdout), done.stderr.splitlines()


def test_a_camera_gets_the_best_net_that_keeps_its_rate_and_the_choice_is_shown_and_remembered() -> None:
    relaxed, lines = _cam("--style", "red", "--fps", "1")
    assert (relaxed["net"], relaxed["choice"]["net"], relaxed["choice"]["keeps"]) == ("rich", "rich", True)
    assert (relaxed["choice"]["fps"], relaxed["choice"]["remembered"]) == (1, False)
    assert len(lines) == 1
    assert lines[0].startswith("rtstyle: net rich paints: the best that keeps 1 frames/s at 96x64, ")
    again, lines = _cam("--style", "red", "--fps", "1")
    assert again["choice"] == {**relaxed["choice"], "remembered": True}
    assert len(lines) == 1
    assert "remembered" in lines[0]
    other, lines = _cam("--style", "red", "--net", "quick", "--fps", "1")
    assert (other["net"], other["choice"], lines) == ("quick", None, [])


def test_a_camera_in_a_hurry_gets_a_quicker_net() -> None:
    _cam("--style", "red", "--fps", "1")
    path = times_path(Path(os.environ["RTSTYLE_CACHE"]))
    content = json.loads(path.read_text())
    times_ms = {"quick": 2.5, "rich": 50.0}  # what is remembered decides: nothing is timed again
    for entry in content["times"].values():
        entry["ms"] = times_ms[entry["facts"]["nets"][0]]
    path.write_text(json.dumps(content))
    hurried, lines = _cam("--style", "red", "--fps", "100")
    assert (hurried["net"], hurried["choice"]["keeps"], hurried["choice"]["remembered"]) == ("quick", True, True)
    assert hurried["choice"]["times_ms"] == times_ms
    assert "net quick paints: the best that keeps 100 frames/s" in lines[0]
    late, lines = _cam("--style", "red", "--fps", "1000")
    assert (late["net"], late["choice"]["keeps"]) == ("quick", False)
    assert "net quick paints: the quickest, none keeps 1000 frames/s" in lines[0]


def test_a_net_that_is_the_only_one_with_a_style_costs_no_timing_and_no_notice() -> None:
    only, lines = _cam("--style", "green", "--fps", "1000")
    assert (only["net"], only["choice"], lines) == ("rich", None, [])
    assert not times_path(Path(os.environ["RTSTYLE_CACHE"])).exists()


def test_a_video_and_a_picture_are_not_in_a_hurry_and_time_nothing(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", [0, 40])
    for style, net in (("red", "quick"), ("green", "rich")):
        done = run("video", clip, tmp_path / f"{style}.mp4", "--style", style, "--json")
        assert (json.loads(done.stdout)["net"], done.stderr) == (net, "")
    assert not times_path(Path(os.environ["RTSTYLE_CACHE"])).exists()


def test_a_stylizer_with_a_rate_takes_the_best_net_that_keeps_it_and_without_one_the_first() -> None:
    frame = np.full((64, 96, 3), 20, np.uint8)
    for fps, net in ((None, "quick"), (0.01, "rich"), (1e6, "quick")):
        with rtstyle.Stylizer("red", fps=fps, backend="openvino") as stylizer:
            painted = stylizer(frame)
            assert stylizer.look.net.spec.name == net
            assert (stylizer.choice is None) == (fps is None)
        assert painted[0, 0].tolist() == [110, 20, 20]
    for fps in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(rtstyle.RtStyleError, match="above 0 frames a second"):
            rtstyle.Stylizer("red", fps=fps)
