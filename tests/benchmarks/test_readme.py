from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.report import PAGE, rendered

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


def test_the_readme_says_what_the_results_say() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "<!-- figures: speed -->" in text
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
