from __future__ import annotations

from benchmarks.tables import aligned_table, fps_table, steps_text

from tests.benchmarks.fps_rows import fps_row


def test_columns_are_as_wide_as_they_need_to_be() -> None:
    assert aligned_table(["what", "n"], [["a", "10"], ["longer", "5"]]).splitlines() == [
        "| what   |  n |",
        "|--------|----|",
        "| a      | 10 |",
        "| longer |  5 |",
    ]


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
