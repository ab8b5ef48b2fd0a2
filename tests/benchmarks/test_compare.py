from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.tables import comparison_table

from benchmarks.results import RESULTS, compare_results, read_result
from engines.errors import BadInputError
from tests.benchmarks.fps_rows import MACHINE, fps_row

_NAMES = ("a.json", "b.json")


def test_ratios_are_the_second_over_the_first_and_clear_where_the_runs_do_not_overlap() -> None:
    (row,) = compare_results(_one(fps_row(40, 30)), _one(fps_row(80, 30.5)), _NAMES)["rows"]
    assert (row["net"], row["size"], row["backend"], row["precision"]) == ("fast", "640x480", "openvino", "f32")
    assert row["bare"] == {"first": 40, "second": 80, "ratio": 2.0, "clear": True}
    assert row["cam"] == {"first": 30, "second": 30.5, "ratio": 1.017, "clear": False}
    assert row["latency_ratio"] == 1


def test_rows_match_by_what_ran_and_the_others_are_named() -> None:
    small, failed = fps_row(size=[64, 48]), {"net": "fast", "size": [64, 48], "reason": "no GPU"}
    sweep = {"machine": MACHINE, "rows": [fps_row(), small, failed]}
    found = compare_results(sweep, _one(fps_row(engine={"backend": "onnxruntime", "precision": "f32"})), _NAMES)
    assert found["rows"] == []
    assert found["only_in_first"] == ["fast 640x480 openvino f32", "fast 64x48 openvino f32"]
    assert found["only_in_second"] == ["fast 640x480 onnxruntime f32"]
    assert comparison_table(found).splitlines() == [
        "A: a.json, B: b.json; frames/s",
        "no row is in both",
        "only in a.json: fast 640x480 openvino f32",
        "only in a.json: fast 64x48 openvino f32",
        "only in b.json: fast 640x480 onnxruntime f32",
    ]


def test_another_machine_or_version_is_told_and_another_day_is_not() -> None:
    packages = {"openvino": "2026.2.0", "av": "18"}
    other = {**MACHINE, "date": "2027-01-01", "cores": 8, "packages": packages}
    found = compare_results(_one(fps_row()), {"machine": other, **fps_row()}, _NAMES)
    assert found["differs"] == [
        "cores: 4 / 8",
        "openvino: 2026.1.0 / 2026.2.0",
        "numpy: 2.4.0 / not there",
        "av: not there / 18",
    ]


def test_a_difference_that_may_be_chance_is_marked() -> None:
    text = comparison_table(compare_results(_one(fps_row(40, 30)), _one(fps_row(80, 30.5)), _NAMES))
    assert [cell.strip() for cell in text.splitlines()[-1].split("|")[1:-1]] == [
        "fast 640x480 openvino f32", "40.0", "80.0", "2.00", "30.0", "30.5", "~1.02", "1.00",
    ]  # fmt: skip


def test_the_committed_results_can_be_compared_and_others_are_refused(tmp_path: Path) -> None:
    committed = read_result(RESULTS / "fps-640x480.json")
    (row,) = compare_results(committed, committed, _NAMES)["rows"]
    assert (row["cam"]["ratio"], row["cam"]["clear"]) == (1, False)
    with pytest.raises(BadInputError, match=r"memory\.json: expected results of rtstyle bench fps"):
        compare_results(committed, read_result(RESULTS / "memory.json"), ("fps.json", "memory.json"))
    with pytest.raises(BadInputError, match="cannot be read"):
        read_result(tmp_path / "none.json")
    for text in ("{", "[]", json.dumps({"machine": 1})):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(BadInputError, match=r"bad\.json: expected"):
            read_result(tmp_path / "bad.json")


def _one(row: dict[str, object]) -> dict[str, object]:
    return {"machine": MACHINE, **row}
