"""The tables of `rtstyle bench peers`, in a terminal and in the README."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.report import rendered
from benchmarks.tables import peers_tables

from tests.benchmarks.fps_rows import MACHINE


def _spread(median: float) -> dict[str, float]:
    return {"median": median, "lowest": median - 1, "highest": median + 1}


def _row(name: str, task: str = "stylize", **more: Any) -> dict[str, Any]:
    return {"name": name, "task": task, **more}


def _figures() -> dict[str, Any]:
    ours = {"runs_on": "openvino f32", "versions": {}, "call_fps": _spread(40), "stream_fps": _spread(44)}
    ratio = {"call": _spread(4.04), "stream": _spread(4.44)}
    other = {"runs_on": "ORT", "versions": {"lite": "0.1", "numpy": "2"}, "call_fps": _spread(9.9), "ratio": ratio}
    broken = {"reason": "no such library", "note": "on the CPU"}
    return {
        "sizes": {"stylize": [640, 480], "upscale": [480, 270]},
        "threads": 2,
        "rounds": 5,
        "rows": [
            _row("fast", **ours),
            _row("lite", **other, note="as it comes"),
            _row("broken", **broken),
            _row("sr4", "upscale", **broken),
        ],
    }


def test_rates_ratios_notes_and_reasons() -> None:
    lines = peers_tables(_figures()).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    assert cells == [
        ["program", "runs on", "one call, frames/s", "fast is", "a clip, frames/s", "fast is"],
        ["fast", "openvino f32", "40.0 (39.0-41.0)", "", "44.0 (43.0-45.0)", ""],
        ["lite", "ORT, lite 0.1", "9.9 (8.9-10.9)", "4.04 times as fast", "9.9 (8.9-10.9)", "4.44 times as fast"],
    ]
    assert lines[0] == "Painting, 640x480:"
    assert lines[6:] == [
        "",
        "- lite: as it comes",
        "- broken: cannot run here: no such library",
        "",
        "Enlarging 4 times, from 480x270:",
        "",
        "- sr4: cannot run here: no such library",
    ]


def test_a_task_that_was_not_measured_has_no_table() -> None:
    figures = _figures()
    figures["rows"] = figures["rows"][:2]
    assert "Enlarging" not in peers_tables(figures)


def test_the_readme_names_machine_threads_and_rounds(tmp_path: Path) -> None:
    (tmp_path / "peers.json").write_text(json.dumps({"machine": MACHINE, **_figures()}))
    text = rendered("<!-- figures: peers -->\nold\n<!-- end -->\n", tmp_path)
    assert text.startswith(
        "<!-- figures: peers -->\n"
        "Four cores of an Intel Core i5, two threads for each program, medians of 5 rounds that took turns\n"
    )
    assert text.endswith(f"{peers_tables(_figures())}\n<!-- end -->\n")
