"""rtstyle bench fps and video, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.results import RESULTS
from tests.realtime.video.clips import Clip, scene, tone, write_clip
from tests.rtstyle.command import refused, run

_SMALL = ("--frames", "20", "--warm-up", "2", "--rounds", "1")
_BLOCKER = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "matplotlib":
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
"""


def test_one_combination_is_one_object_with_the_machine() -> None:
    done = run("bench", "fps", "--size", "64x48", *_SMALL, "--json")
    figures = json.loads(done.stdout)
    assert figures["machine"]["cores"] >= 1
    assert (figures["net"], figures["size"], figures["frames"]) == ("fast", [64, 48], 20)
    assert set(figures["cam_fps"]) == {"median", "lowest", "highest"}
    assert done.stderr.startswith("round 1 of 1: fast auto 64x48: bare ")


def test_a_sweep_is_a_table_and_a_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    sizes = ("--size", "64x48,48x32", "--size", "32x32")
    asked = ("--backend", "openvino", "--precision", "f32", "--plot", tmp_path / "a.png")
    done = run("bench", "fps", *sizes, *asked, *_SMALL)
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines()]
    assert rows[2:] == [f"fast {size}, openvino f32" for size in ("64x48", "48x32", "32x32")]
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"


def test_one_that_cannot_run_alone_is_an_error_and_among_others_a_row() -> None:
    pytest.importorskip("onnxruntime")
    impossible = "onnxruntime runs in f32 here, bf16 is not possible"
    one = ("--backend", "onnxruntime", "--precision", "bf16", "--size", "32x32", *_SMALL)
    done = run("bench", "fps", *one, code=2)
    assert done.stderr.splitlines()[-1] == f"rtstyle: {impossible}"
    figures = json.loads(run("bench", "fps", *one, "--size", "48x32", "--json").stdout)
    assert [row["reason"] for row in figures["rows"]] == [impossible, impossible]


def test_two_results_side_by_side(tmp_path: Path) -> None:
    before = json.loads((RESULTS / "fps-640x480.json").read_text())
    after = {**before, "bare_fps": {key: 2 * value for key, value in before["bare_fps"].items()}}
    after["machine"] = {**before["machine"], "cores": 99}
    (tmp_path / "after.json").write_text(json.dumps(after))
    files = (RESULTS / "fps-640x480.json", tmp_path / "after.json")
    done = run("bench", "fps", "--compare", *files)
    assert " 2.00 |" in done.stdout.splitlines()[-1]
    assert done.stderr == f"rtstyle: not the same in both: cores: {before['machine']['cores']} / 99\n"
    assert json.loads(run("bench", "fps", "--compare", *files, "--json").stdout)["rows"][0]["bare"]["ratio"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--backend", "opnvino"), "did you mean openvino"),
        (("--precision", "f32,f8"), "precision is one of"),
        (("--size", "64x48,big"), "expected a size as WIDTHxHEIGHT"),
        (("--net", "fast,nope"), "no net is called 'nope'"),
        (("--compare", "a.json", "b.json", "--size", "64x48"), "--compare measures nothing"),
        (("--compare", "a.json", "b.json"), "a.json: cannot be read"),
    ],
)
def test_wrong_use_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    assert said in refused("bench", "fps", *arguments)


def test_a_plot_without_matplotlib_is_one_line_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_BLOCKER)
    done = run("bench", "fps", "--plot", "a.png", code=2, env={"PYTHONPATH": str(tmp_path)})
    assert done.stderr == 'rtstyle: --plot needs the package matplotlib: pip install "rtstyle[bench]"\n'


def test_where_the_time_of_a_video_goes(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    clip = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(n) for n in range(20)], beside=tone(seconds=0.5)))
    done = run("bench", "video", clip, "--rounds", "1", "--plot", tmp_path / "a.png", "--json")
    figures = json.loads(done.stdout)
    assert (figures["size"], figures["preset"], figures["job"]["frames"]) == ([64, 48], "veryfast", 20)
    assert figures["job"]["outside_s"] > 0
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"

    text = run("bench", "video", clip, "--rounds", "1").stdout.splitlines()
    assert [line[:8] for line in text[:3]] == ["read   |", "paint  |", "write  |"]
    assert "I" in text[1]
    assert text[-1].startswith("1 rounds: video ")


def test_a_clip_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    assert "there is no such file" in refused("bench", "video", tmp_path / "none.mp4")
