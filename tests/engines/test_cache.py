"""The cache folder: compiled nets and the nets' times are kept, used again, and never trusted when damaged."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from engines.backends import open_engine
from engines.cache import KEPT_S, NetTimes, cache_folder, compiled_path, read_compiled, times_path, write_compiled
from engines.contract import EngineOptions, Picture
from engines.net_file import NetFile
from engines.styles import resolve_style
from tests.engines.nets import identity_net, shift_net

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


SIZE = (64, 48)
FRAME = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def _painted(folder: Path, **options: object) -> Picture:
    udnie = resolve_style("udnie")
    with open_engine(udnie.net, SIZE, backend="openvino", options=_options(folder, **options)) as engine:
        engine.submit(FRAME, udnie.vector)
        return engine.collect()


def _options(folder: Path, **options: object) -> EngineOptions:
    return EngineOptions(cache=folder, **options)  # type: ignore[arg-type]


def test_the_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTSTYLE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("RTSTYLE_CACHE")
    assert cache_folder().name == "rtstyle"


def test_the_first_start_fills_the_cache_and_the_second_uses_it(tmp_path: Path) -> None:
    first = _painted(tmp_path / "cache")
    kept = list((tmp_path / "cache").iterdir())
    assert len(kept) == 1
    assert kept[0].name.startswith("fast-64x48-openvino-")

    assert np.array_equal(_painted(tmp_path / "cache"), first)
    assert list((tmp_path / "cache").iterdir()) == kept

    def shown(net: NetFile) -> Picture:
        with open_engine(net, SIZE, backend="openvino", options=_options(tmp_path / "nets")) as engine:
            engine.submit(FRAME)
            return engine.collect()

    same, shifted = shown(identity_net()), shown(shift_net(5, size_multiple=1))
    (entry,), (other,) = (list((tmp_path / "nets").glob(f"{net}-*")) for net in ("same", "shift"))
    shutil.copy(other, entry)  # a start that compiled anew would not show what stands in the cache
    assert np.array_equal(shown(identity_net()), shifted)
    assert not np.array_equal(same, shifted)


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RTSTYLE_CACHE", str(tmp_path / "cache"))
    with open_engine(identity_net(), SIZE, backend="openvino"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_each_net_size_precision_and_thread_count_has_its_own_entry(tmp_path: Path) -> None:
    def started(net: NetFile, size: tuple[int, int], **options: object) -> int:
        with open_engine(net, size, backend="openvino", options=_options(tmp_path, **options)):
            return len(list(tmp_path.iterdir()))

    net, other = identity_net(), identity_net(size_multiple=2)  # of one name, with another digest
    assert started(net, SIZE, precision="f32") == 1
    assert started(net, SIZE, precision="f32", depth=5) == 1  # frames in flight are not compiled in
    assert started(net, (64, 64), precision="f32") == 2
    assert started(net, SIZE, precision="f32", threads=1) == 3
    assert started(other, SIZE, precision="f32") == 4


def _emptied(content: bytes) -> bytes:
    del content
    return b""


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    """One bit among the weights: OpenVINO itself loads this without a word and paints another picture."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x40]) + content[middle + 1 :]


def _noise(content: bytes) -> bytes:
    return np.random.default_rng(1).bytes(len(content))


@pytest.mark.parametrize("damage", [_emptied, _cut, _flipped, _noise])
def test_a_damaged_entry_is_announced_and_compiled_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: object
) -> None:
    first = _painted(tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(damage(kept.read_bytes()))  # type: ignore[operator]
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(_painted(tmp_path), first)
    assert "damaged and not used" in caplog.text
    caplog.clear()
    assert np.array_equal(_painted(tmp_path), first)  # the new entry is whole
    assert not caplog.records


def test_an_entry_that_the_vendor_refuses_is_announced_and_compiled_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = _painted(tmp_path)
    (kept,) = tmp_path.iterdir()
    write_compiled(kept, b"made by another version")
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(_painted(tmp_path), first)
    assert "not taken by openvino" in caplog.text


def test_a_cache_that_cannot_be_written_is_announced_and_the_engine_works(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file stands in the way")
    with caplog.at_level(logging.WARNING):
        picture = _painted(tmp_path / "cache")
    assert picture.shape == FRAME.shape
    assert "not kept" in caplog.text


def test_what_was_kept_comes_back_and_survives_a_copy(tmp_path: Path) -> None:
    path = compiled_path(tmp_path, "net", {"a": 1})
    assert read_compiled(path) is None
    write_compiled(path, b"body")
    shutil.copy(path, tmp_path / "copy")
    assert read_compiled(path) == read_compiled(tmp_path / "copy") == b"body"


def test_every_fact_changes_the_path_and_their_order_does_not(tmp_path: Path) -> None:
    facts: dict[str, object] = {"net": "a", "size": (1, 2), "version": "1"}
    path = compiled_path(tmp_path, "net", facts)
    assert path == compiled_path(tmp_path, "net", dict(reversed(facts.items())))
    for key in facts:
        assert path != compiled_path(tmp_path, "net", facts | {key: "other"})
