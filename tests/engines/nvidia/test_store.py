from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from engines.errors import BackendError, BadInputError
from engines.nvidia.key import EngineKey, SizeRange
from engines.nvidia.store import EngineStore

_HD, _VGA = (1280, 720), (640, 480)


def _fixed(size: tuple[int, int]) -> SizeRange:
    return SizeRange.around(size, 4)


def _key(**changes: Any) -> EngineKey:
    values: dict[str, Any] = {
        "net": "fast",
        "net_digest": "ab" * 32,
        "sizes": _fixed(_HD),
        "precision": "f16",
        "runtime": "tensorrt-rtx",
        "version": "1.7",
        "targets": ("sm89",),
        "device": "",
        "platform": "any",
    }
    return EngineKey(**{**values, **changes})


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "engines")


def test_what_is_saved_is_found_and_read_again(store: EngineStore) -> None:
    saved = store.save(_key(), b"plan", build_s=1.5)
    found, reasons = store.find(_key())
    assert found == saved
    assert found.read() == b"plan"
    assert reasons == []
    assert store.entries() == [saved]


@pytest.mark.parametrize(
    "change",
    [
        {"net": "micro"},
        {"net_digest": "cd" * 32},
        {"sizes": _fixed(_VGA)},
        {"precision": "f32"},
        {"runtime": "tensorrt"},
        {"version": "1.8"},
        {"targets": ("sm86",)},
        {"device": "NVIDIA GeForce RTX 4090"},
        {"platform": "linux"},
        {"converter": 0},
    ],
)
def test_every_part_of_a_key_changes_its_digest_and_its_file(change: dict[str, Any], store: EngineStore) -> None:
    other = _key(**change)
    assert other.digest != _key().digest
    assert other.file_stem != _key().file_stem
    store.save(other, b"other", build_s=1)
    assert store.find(_key())[0] is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"net_digest": "cd" * 32}, "another file of that net"),
        ({"version": "1.6"}, "built by tensorrt-rtx 1.6, this is 1.7"),
        ({"targets": ("sm75", "sm86")}, "built for sm75, sm86, this GPU is sm89"),
        ({"platform": "win32"}, "built on win32"),
        ({"converter": 0}, "another version of rtstyle"),
    ],
)
def test_a_stale_or_foreign_engine_is_never_used_and_the_reason_is_named(
    change: dict[str, Any], reason: str, store: EngineStore
) -> None:
    store.save(_key(**change), b"other", build_s=1)
    found, reasons = store.find(_key())
    assert found is None
    assert len(reasons) == 1
    assert reason in reasons[0]


def test_an_engine_for_more_targets_serves_each_of_them(store: EngineStore) -> None:
    saved = store.save(_key(targets=("sm75", "sm89")), b"both", build_s=1)
    assert store.find(_key())[0] == saved


def test_the_fixed_size_goes_before_a_range_and_the_narrow_range_before_the_wide(store: EngineStore) -> None:
    wide = SizeRange.around(_HD, 4, smallest=(64, 64), largest=(3840, 2160))
    narrow = SizeRange.around(_HD, 4, smallest=(64, 64), largest=(1920, 1088))
    saved_wide = store.save(_key(sizes=wide), b"wide", build_s=1)
    assert store.find(_key())[0] == saved_wide
    saved_narrow = store.save(_key(sizes=narrow), b"narrow", build_s=1)
    assert store.find(_key())[0] == saved_narrow
    saved_fixed = store.save(_key(), b"fixed", build_s=1)
    assert store.find(_key())[0] == saved_fixed
    assert store.find(_key(sizes=_fixed((2560, 1440))))[0] == saved_wide
    assert store.find(_key(sizes=_fixed((4096, 2160))))[0] is None


def test_a_changed_byte_is_found_out(store: EngineStore) -> None:
    saved = store.save(_key(), b"plan", build_s=1)
    saved.path.write_bytes(b"plaN")
    with pytest.raises(BackendError, match="damaged"):
        saved.read()


def test_a_plan_without_sidecar_is_a_stray_and_no_engine(store: EngineStore) -> None:
    saved = store.save(_key(), b"plan", build_s=1)
    saved.path.with_suffix(".json").unlink()
    assert store.entries() == []
    assert store.strays() == [saved.path]


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "null", '{"format": 1}', '{"format": 2, "recipe": {}}', '{"format": 1, "recipe": 3}']
)
def test_a_sidecar_that_is_not_ours_is_no_engine(content: str, store: EngineStore) -> None:
    saved = store.save(_key(), b"plan", build_s=1)
    saved.path.with_suffix(".json").write_text(content)
    assert store.entries() == []


def test_a_sidecar_says_all_that_the_engine_depends_on(store: EngineStore) -> None:
    saved = store.save(_key(), b"plan", build_s=1)
    sidecar = json.loads(saved.path.with_suffix(".json").read_text())
    assert set(sidecar["recipe"]) == {field.name for field in dataclasses.fields(EngineKey)}


def test_the_numbers_of_a_check_are_remembered_for_each_gpu(store: EngineStore) -> None:
    saved = store.save(_key(), b"plan", build_s=1)
    saved = store.mark_checked(saved, "GPU A", 61.237)
    store.mark_checked(saved, "GPU B", 58)
    assert store.entries()[0].checked == {"GPU A": 61.24, "GPU B": 58}


def test_building_anew_forgets_what_was_compiled_and_checked_before(store: EngineStore) -> None:
    saved = store.mark_checked(store.save(_key(), b"plan", build_s=1), "GPU", 60)
    saved.jit_path.write_bytes(b"compiled")
    again = store.save(_key(), b"plan 2", build_s=1)
    assert again.checked == {}
    assert not again.jit_path.exists()


def test_an_engine_is_found_by_the_beginning_of_its_digest(store: EngineStore) -> None:
    saved = store.save(_key(), b"plan", build_s=1)
    for name in (saved.key.digest[:6], saved.path.name, str(saved.path)):
        assert store.by_name(name) == saved
    with pytest.raises(BadInputError, match="no engine is called"):
        store.by_name("zz")


def test_timing_caches_are_kept_for_each_gpu_and_version(store: EngineStore) -> None:
    paths = {store.timing_path(_key(device=device, version=version)) for device in ("A", "B") for version in ("1", "2")}
    assert len(paths) == 4
    store.folder.mkdir()
    for path in paths:
        path.write_bytes(b"timings")
    assert store.strays() == []


@pytest.mark.parametrize("bounds", [((8, 64), (1280, 720)), ((1300, 64), (1920, 1080)), ((64, 64), (640, 480))])
def test_ranges_that_do_not_hold_their_typical_size_are_refused(
    bounds: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    with pytest.raises(BadInputError):
        SizeRange.around(_HD, 4, smallest=bounds[0], largest=bounds[1])
