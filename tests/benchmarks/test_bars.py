from __future__ import annotations

from benchmarks.tables import job_bars


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
