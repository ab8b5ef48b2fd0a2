from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines.net_times import KEPT_S, NetTimes, times_path

_FACTS = {"digests": ["abc"], "size": [640, 480], "backend": "openvino"}
_NOW_S = 1_800_000_000.75


def _times(cache: Path, notices: list[str], at_s: float = _NOW_S) -> NetTimes:
    return NetTimes(cache, notices.append, clock=lambda: at_s)


def _kept(cache: Path, ms: float = 12.5) -> Path:
    times = _times(cache, [])
    times.remember(_FACTS, ms)
    times.save()
    return times_path(cache)


def test_a_time_is_recalled_by_exactly_the_facts_that_it_was_measured_under(tmp_path: Path) -> None:
    notices: list[str] = []
    assert _times(tmp_path / "cache", notices).recall(_FACTS) is None
    _kept(tmp_path / "cache")
    times = _times(tmp_path / "cache", notices)
    assert times.recall(_FACTS) == 12.5
    assert times.recall({**_FACTS, "size": (640, 480)}) == 12.5
    for change in ({"digests": ["abd"]}, {"size": [480, 640]}, {"backend": "onnxruntime"}, {"cores": 2}):
        assert times.recall({**_FACTS, **change}) is None
    assert notices == []


@pytest.mark.parametrize(("later_s", "known"), [(0, True), (KEPT_S - 1, True), (KEPT_S + 1, False), (-100, False)])
def test_a_time_counts_for_thirty_days_and_not_before_it_was_measured(
    tmp_path: Path, later_s: float, known: bool
) -> None:
    _kept(tmp_path)
    assert (_times(tmp_path, [], _NOW_S + later_s).recall(_FACTS) is not None) is known


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"format": 1}',
        b'{"format": 2, "times": {}}',
        b"[" * 100_000,
        b'{"format": 1, "times": {"x": {"ms": 1, "measured_s": 1, "facts": {}}}}',
    ],
)
def test_a_damaged_file_is_said_once_ignored_and_written_anew(tmp_path: Path, damage: bytes) -> None:
    path = _kept(tmp_path)
    path.write_bytes(damage)
    notices: list[str] = []
    times = _times(tmp_path, notices)
    assert times.recall(_FACTS) is None
    times.remember(_FACTS, 7.0)
    times.save()
    assert len(notices) == 1
    assert "measured anew" in notices[0]
    assert _times(tmp_path, notices).recall(_FACTS) == 7.0
    assert len(notices) == 1


@pytest.mark.parametrize("ms", ["12", None, 0, -1, float("nan"), float("inf"), [], True])
def test_a_time_that_is_none_is_damage(tmp_path: Path, ms: object) -> None:
    path = _kept(tmp_path)
    content = json.loads(path.read_text())
    next(iter(content["times"].values()))["ms"] = ms
    path.write_text(json.dumps(content))
    notices: list[str] = []
    recalled = _times(tmp_path, notices).recall(_FACTS)
    assert (recalled, len(notices)) == ((None, 1) if ms is not True else (1.0, 0))


def test_two_processes_keep_each_others_times(tmp_path: Path) -> None:
    one, other = _times(tmp_path, []), _times(tmp_path, [])
    one.remember(_FACTS, 1.0)
    one.save()
    other.remember({**_FACTS, "size": [1280, 720]}, 2.0)
    other.save()
    both = _times(tmp_path, [])
    assert (both.recall(_FACTS), both.recall({**_FACTS, "size": [1280, 720]})) == (1.0, 2.0)


def test_the_file_does_not_grow_for_ever_and_the_newest_stay(tmp_path: Path) -> None:
    for at in range(3):
        times = _times(tmp_path, [], _NOW_S + at)
        for number in range(400):
            times.remember({"number": number, "at": at}, 1.0)
        times.save()
    assert len(json.loads(times_path(tmp_path).read_text())["times"]) == 500
    assert _times(tmp_path, [], _NOW_S + 3).recall({"number": 0, "at": 2}) == 1.0
    assert _times(tmp_path, [], _NOW_S + 3).recall({"number": 0, "at": 0}) is None


def test_a_folder_that_cannot_be_written_costs_a_notice_and_no_run(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    notices: list[str] = []
    times = _times(tmp_path / "cache", notices)
    times.remember(_FACTS, 1.0)
    times.save()
    assert times.recall(_FACTS) == 1.0
    assert [notice.startswith("the nets' times are not kept") for notice in notices] == [True]


def test_nothing_is_written_where_nothing_is_new(tmp_path: Path) -> None:
    times = _times(tmp_path / "cache", [])
    times.recall(_FACTS)
    times.save()
    assert not (tmp_path / "cache").exists()
