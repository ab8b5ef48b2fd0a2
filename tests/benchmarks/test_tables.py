from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.report import rendered
from benchmarks.tables import aligned_table, compact_table, fps_table, job_bars, peers_tables, steps_text
from tests.benchmarks.fps_rows import MACHINE, fps_row


def test_columns_are_as_wide_as_they_need_to_be() -> None:
    assert aligned_table(["what", "n"], [["a", "10"], ["longer", "5"]]).splitlines() == [
        "| what   |  n |",
        "|--------|----|",
        "| a      | 10 |",
        "| longer |  5 |",
    ]


def test_a_compact_table_has_no_filling() -> None:
    assert (
        compact_table(["what", "n"], [["a", "10"], ["longer", ""]])
        == "| what | n |\n|---|---|\n| a | 10 |\n| longer |  |"
    )


def test_a_row_says_median_and_spread_and_what_nobody_could_read_has_no_column() -> None:
    head, _, row = fps_table([fps_row(40.04, 30)]).splitlines()
    cells = dict(zip(*([cell.strip() for cell in line.split("|")[1:-1]] for line in (head, row)), strict=True))
    assert cells == {
        "combination": "fast 640x480, openvino f32",
        "bare, frames/s": "40.0 (39.0-41.0)",
        "cam, frames/s": "30.0 (29.0-31.0)",
        "cam/bare": "0.75",
        "latency p50/p95/p99, ms": "33/41/52",
        "in flight": "2",
    }


def test_memory_power_and_clocks_are_shown_where_they_could_be_read() -> None:
    gpus = [{"gpu": "0: T4", "power_w": 9.0}, {"gpu": "1: H200", "power_w": 301.2, "clock_mhz": 1980.0}]
    engine = {"backend": "tensorrt", "device": "H200", "precision": "f16"}
    text = fps_table([fps_row(peak_mb=812.4, cpu_w=65.0, gpus=gpus, engine=engine), fps_row(gpus=gpus)])
    head, _, first, second = text.splitlines()
    assert head.split("|")[-5:-1] == [" peak, MB ", " CPU, W ", " GPU, W ", " GPU, MHz "]
    assert [cell.strip() for cell in first.split("|")[-5:-1]] == ["812", "65", "301", "1980"]
    assert [cell.strip() for cell in second.split("|")[-5:-1]] == ["", "", "", ""]


def test_one_reason_for_several_sizes_is_said_once() -> None:
    asked = {"backend": "torch", "precision": None}
    rows = [{"net": "fast", "size": [64, side], "asked": asked, "reason": "no GPU"} for side in (48, 64)]
    assert fps_table(rows) == "fast torch, 64x48, 64x64: cannot run here: no GPU"


def test_steps_below_the_first_mark_and_above_the_last_are_not_guessed() -> None:
    told = [steps_text(steps, [50, 100]) for steps in (50.0, 79.6, 100.0, None)]
    assert told == ["50 steps or fewer", "80 steps", "100 steps", "more than 100 steps"]
    assert steps_text(None, [50]) == "more than 50 steps"


def test_bars_are_to_scale_and_parts_have_their_share() -> None:
    job = {
        "frames": 100,
        "seconds": 8.0,
        "fps": 12.5,
        "outside_s": 1.5,
        "thread_seconds": {
            "read": {"decode": 1.0, "convert": 0.5, "wait_out": 5.5},
            "paint": {"wait_in": 0.5, "infer": 7.0, "wait_out": 0.5},
            "write": {"wait_in": 5.0, "convert": 1.0, "encode": 2.0, "streams": 0.0},
        },
    }
    lines = job_bars(job).splitlines()
    assert lines[:3] == [
        "read   |" + 8 * "D" + 4 * "C" + 44 * "_" + 8 * " " + "|",
        "paint  |" + 4 * "." + 56 * "I" + 4 * "_" + "|",
        "write  |" + 40 * "." + 8 * "C" + 16 * "E" + "|",
    ]
    (infer,) = [line.split() for line in lines if "infer" in line]
    assert infer == ["paint", "I", "infer", "7.00", "s", "70.00", "ms", "a", "frame", "88%"]
    assert lines[-1].startswith("100 frames in 8.00 s, 12.5 frames/s; before and after that 1.50 s")


def test_small_parts_do_not_make_a_bar_too_long() -> None:
    parts = {"wait_in": 0.3333, "convert": 0.3333, "encode": 0.3333, "streams": 0.0011}
    job = {"frames": 1, "seconds": 1.0, "fps": 1.0, "outside_s": 0.0, "thread_seconds": {"write": parts}}
    assert len(job_bars(job).splitlines()[0]) == len("write  ||") + 64


def _spread(median: float) -> dict[str, float]:
    return {"median": median, "lowest": median - 1, "highest": median + 1}


def _peer_row(name: str, task: str = "stylize", **more: Any) -> dict[str, Any]:
    return {"name": name, "task": task, **more}


def _peer_figures() -> dict[str, Any]:
    ours = {"runs_on": "openvino f32", "versions": {}, "call_fps": _spread(40), "stream_fps": _spread(44)}
    ratio = {"call": _spread(4.04), "stream": _spread(4.44)}
    other = {"runs_on": "ORT", "versions": {"lite": "0.1", "numpy": "2"}, "call_fps": _spread(9.9), "ratio": ratio}
    broken = {"reason": "no such library", "note": "on the CPU"}
    return {
        "sizes": {"stylize": [640, 480], "upscale": [480, 270]},
        "threads": 2,
        "rounds": 5,
        "rows": [
            _peer_row("fast", **ours),
            _peer_row("lite", **other, note="as it comes"),
            _peer_row("broken", **broken),
            _peer_row("sr4", "upscale", **broken),
        ],
    }


def test_rates_ratios_notes_and_reasons() -> None:
    lines = peers_tables(_peer_figures()).splitlines()
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
    figures = _peer_figures()
    figures["rows"] = figures["rows"][:2]
    assert "Enlarging" not in peers_tables(figures)


def test_the_page_names_machine_threads_and_rounds(tmp_path: Path) -> None:
    (tmp_path / "peers.json").write_text(json.dumps({"machine": MACHINE, **_peer_figures()}))
    text = rendered("<!-- figures: peers -->\nold\n<!-- end -->\n", tmp_path)
    assert text.startswith(
        "<!-- figures: peers -->\n"
        "Four cores of an Intel Core i5, two threads for each program, medians of 5 rounds that took turns\n"
    )
    assert text.endswith(f"{peers_tables(_peer_figures())}\n<!-- end -->\n")
