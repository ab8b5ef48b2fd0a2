from __future__ import annotations

import pytest
from benchmarks.fps import combinations, engine_rate, sweep

from engines.errors import BadInputError
from engines.library import user_folder
from tests.engines.nets import add_net, identity_net


def test_combinations_take_turns_and_what_cannot_run_is_a_row_with_its_reason() -> None:
    pytest.importorskip("onnxruntime")
    chosen = combinations(backends=["openvino", "onnxruntime"], precisions=["f32", "f16"])
    told: list[str] = []
    rows = sweep(chosen[:1] + chosen[3:], [(64, 48), (48, 64)], frames=8, rounds=2, warm_up=2, report=told.append)

    assert [line.partition(": bare")[0].partition(": cannot")[0] for line in told] == [
        "round 1 of 2: fast openvino f32 64x48",
        "round 1 of 2: fast openvino f32 48x64",
        "round 1 of 2: fast onnxruntime f16 64x48",
        "round 1 of 2: fast onnxruntime f16 48x64",
        "round 2 of 2: fast openvino f32 64x48",
        "round 2 of 2: fast openvino f32 48x64",
    ]
    reason = "onnxruntime runs in f32 here, f16 is not possible"
    assert [row.get("reason") for row in rows] == [None, None, reason, reason]
    assert rows[3]["size"] == [48, 64]
    assert "cam_fps" not in rows[3]
    row = rows[1]
    assert (row["net"], row["style"], row["size"], row["in_flight"]) == ("fast", "udnie", [48, 64], 2)
    assert (row["engine"]["backend"], row["engine"]["precision"]) == ("openvino", "f32")
    for spread in (row["bare_fps"], row["cam_fps"]):
        assert 0 < spread["lowest"] <= spread["median"] <= spread["highest"]
    assert 0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p95"] <= row["latency_ms"]["p99"]
    assert row["last_run"]["shown"] == 10


def test_a_size_that_is_right_on_no_machine_is_refused_before_anything_runs() -> None:
    with pytest.raises(BadInputError, match="16x16 to"):
        sweep(combinations(), [(64, 48), (8, 8)], frames=8, rounds=1, warm_up=1, report=lambda _: pytest.fail("it ran"))


def test_the_bare_rate_of_a_net_with_another_after_it() -> None:
    add_net(user_folder(), identity_net(name="sr2-perceptual", scale=2))
    (choice,) = combinations(style="udnie", sr=2, precisions=["f32"])
    found = engine_rate(choice, (32, 32), frames=4, warm_up=1)
    assert (found["fps"] > 0, found["precision"]) == (True, "f32")
    assert set(found["frame_ms"]) == {"p50", "p95", "p99"}
