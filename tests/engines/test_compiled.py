"""The cache of compiled nets: filled, used again, and never trusted when damaged."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from engines.backends import cache_folder, open_engine
from engines.compiled import compiled_path, read_compiled, write_compiled
from engines.contract import EngineOptions, Picture
from engines.look import look
from engines.net_file import NetFile
from tests.engines.nets import identity_net

SIZE = (64, 48)
FRAME = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def _painted(folder: Path, **options: object) -> Picture:
    udnie = look("udnie")
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


def test_the_first_start_fills_the_cache_and_the_second_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _painted(tmp_path / "cache")
    kept = list((tmp_path / "cache").iterdir())
    assert len(kept) == 1
    assert kept[0].name.startswith("fast-64x48-openvino-")

    def compile_nothing(*_: object) -> None:
        raise AssertionError("the second start compiles")

    monkeypatch.setattr("engines.openvino_backend._compile", compile_nothing)
    assert np.array_equal(_painted(tmp_path / "cache"), first)
    assert list((tmp_path / "cache").iterdir()) == kept


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
