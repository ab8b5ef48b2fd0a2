from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.report import PAGES, RENDERERS, rendered
from benchmarks.results import RESULTS
from engines.errors import BadInputError
from tests.benchmarks.fps_rows import MACHINE, fps_row
from tests.rtstyle.command import ROOT

_SPEED = "<!-- figures: speed -->\n<!-- end -->\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RESULTS, tmp_path / "results"))


def _change(path: Path, *keys: str, value: object) -> None:
    found = json.loads(path.read_text())
    inner = found
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(found))


@pytest.mark.parametrize(("page", "figures"), list(zip(PAGES, ("speed", "summary"), strict=True)))
def test_the_pages_say_what_the_results_say(page: Path, figures: str) -> None:
    text = page.read_text(encoding="utf-8")
    assert f"<!-- figures: {figures} -->" in text
    assert rendered(text) == text, "run python -m benchmarks.report"


def test_other_results_give_other_figures_and_all_else_stays(results: Path) -> None:
    text = f"before\n{_SPEED}after\n"
    now = rendered(text, results)
    _change(results / "fps-640x480.json", "cam_fps", "median", value=123.45)
    _change(results / "video.json", "last_run", "stage_seconds", "read", value=24.0)
    changed = rendered(now, results)
    assert changed.startswith("before\n<!-- figures: speed -->\n")
    assert changed.endswith(" MB.\n<!-- end -->\nafter\n")
    different = [new for old, new in zip(now.split("|"), changed.split("|"), strict=True) if old != new]
    assert different[0] == " 123.5 "
    assert re.search(r"decoding takes 100\.0 ms a frame", different[1])
    assert len(different) == 2


def test_a_sweep_has_a_row_for_each_combination_that_ran(results: Path) -> None:
    failed = {"net": "fast", "size": [64, 48], "reason": "no GPU"}
    sweep = {"machine": MACHINE, "rows": [fps_row(40, 30), failed, fps_row(12.34, 9.9, size=[1280, 720])]}
    (results / "fps-sweep.json").write_text(json.dumps(sweep))
    lines = rendered("<!-- figures: sweep -->\nold\n<!-- end -->\n", results).splitlines()
    assert lines[1] == "Four cores of an Intel Core i5:"
    assert lines[5:] == [
        "| fast | 640x480 | OpenVINO f32 | 40.0 | 30.0 | 33 (41) |",
        "| fast | 1280x720 | OpenVINO f32 | 12.3 | 9.9 | 33 (41) |",
        "<!-- end -->",
    ]


def test_figures_of_two_machines_do_not_get_into_one_sentence(results: Path) -> None:
    _change(results / "memory.json", "machine", "date", value="2027-01-01")
    rendered(_SPEED, results)
    _change(results / "memory.json", "machine", "cpu", value="Intel Core i5")
    with pytest.raises(BadInputError, match=r"fps-640x480\.json and memory\.json: expected one machine"):
        rendered(_SPEED, results)


@pytest.mark.parametrize(
    "text",
    [
        "<!-- figures: speed -->\n",
        "<!-- end -->\n",
        f"<!-- figures: speed -->\n{_SPEED}",
        "<!-- figures: speed --> <!-- end -->\n",
        "<!-- figures: spede -->\n<!-- end -->\n",
    ],
)
def test_markers_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(BadInputError):
        rendered(text)


def test_the_program_checks() -> None:
    command = [sys.executable, "-m", "benchmarks.report", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def _write(folder: Path, name: str, figures: dict[str, object]) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"machine": {}, **figures}))


def _score(method: str, psnr: float) -> dict[str, object]:
    return {"method": method, "dataset": "Set5", "psnr": psnr, "distances": {"LPIPS": psnr / 100, "VGG-19": 0}}


def test_upscalers_in_int8_beside_the_published_ones_and_what_int8_costs(tmp_path: Path) -> None:
    for scale, loss in ((2, 0.01), (3, 0.034), (4, 0.02)):
        ours = [
            _score(f"sr{scale}-{mode} {precision}", 30 - (loss if precision == "int8" else 0))
            for mode in ("fidelity", "perceptual")
            for precision in ("f32", "int8")
        ]
        published = {**_score("SRCNN", 29.5), "distances": None}
        _write(tmp_path, f"quality-sr{scale}", {"scores": [_score("bicubic", 28), *ours, published]})
    _write(tmp_path, "quality-sr4-as-video", {"scores": [_score("bicubic", 25), *ours]})
    lines = RENDERERS["upscaling"](tmp_path).splitlines()
    assert lines[3] == "| x3 Set5 | 28.00 | 29.50 |  | 29.97 | 29.97 | 0.280 | 0.300 | 0.300 |"
    assert lines[5].startswith("| x4 Set5, degraded like video | 25.00 |  |  | 29.98 |")
    assert lines[-1] == "Ours in int8, at most 0.03 dB below what they have in f32."


def test_styles_beside_steps_of_lbfgs(tmp_path: Path) -> None:
    def row(of_fast: float, alike: float | None) -> dict[str, object]:
        objective = {
            "photo": 9e5,
            "fast f32": of_fast,
            "fast int8": of_fast * 1.01,
            "micro f32": 4e5,
            "micro int8": 4e5,
        }
        return {
            "objective": objective,
            "lbfgs": {"0": 2e6, "50": 5e5, "100": 2e5},
            "lbfgs_steps_alike": {"fast f32": 7, "fast int8": alike, "micro f32": 60, "micro int8": 60},
        }

    _write(
        tmp_path,
        "quality-styles",
        {
            "photos": 1,
            "size": 256,
            "styles": {"wave": row(3e5, 83.4), "udnie": row(1e5, None), "scream": row(6e5, 50)},
            "times": {"fast int8": {"256": {"ratio": 9000.4}, "512": {"ratio": 8000.0}}, "micro int8": {}},
        },
    )
    lines = RENDERERS["styles"](tmp_path).splitlines()
    assert lines[0] == (
        "| style | the photo itself | `fast` | `micro` | L-BFGS, 50 steps | L-BFGS, 100 steps | `fast` is as good as |"
    )
    assert lines[2] == "| wave | 900 | 303 | 400 | 500 | 200 | 83 steps |"
    assert lines[3].endswith(" | more than 100 steps |")
    assert lines[4].endswith(" | 50 steps or fewer |")
    assert lines[-4].startswith("In thousands, the mean of one photo of 256x256")
    assert lines[-3] == "at most 1.0 % above f32."
    assert lines[-1] == "500 steps of L-BFGS take 9,000, 8,000 times as long as `fast` at 256, 512 pixels a side."


def test_warping_errors_by_net(tmp_path: Path) -> None:
    _write(
        tmp_path, "stability", {"mean": {"input": 0.01, "fast wave": 0.03, "fast udnie": 0.04, "a b/x.onnx wave": 0.05}}
    )
    lines = RENDERERS["stability"](tmp_path).splitlines()
    assert lines[2:] == ["| `fast` | 0.0354 | 3.5 | 3.0 to 4.0 |", "| `a b/x.onnx` | 0.0500 | 5.0 | 5.0 to 5.0 |"]


def test_objectives_of_nets_styles_together(tmp_path: Path) -> None:
    rows = [
        {"objective": {"photo": 9e5, "100/fast.onnx": 3e5, "fast": 2e5}, "style": {"100/fast.onnx": 2e5, "fast": 1e5}},
        {"objective": {"photo": 9e5, "100/fast.onnx": 5e5, "fast": 3e5}, "style": {"100/fast.onnx": 3e5, "fast": 1e5}},
    ]
    _write(tmp_path, "quality-nets", {"photos": 20, "styles": dict(zip(("wave", "udnie"), rows, strict=True))})
    lines = RENDERERS["steps"](tmp_path).splitlines()
    assert lines[0] == "| net | objective, mean of 20 photos and 2 styles | style's part of it |"
    assert lines[2:] == ["| `100/fast.onnx` | 400 | 250 |", "| `fast` | 250 | 100 |"]
