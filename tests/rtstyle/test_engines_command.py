"""rtstyle engines, the real command in a process of its own. Builds need TensorRT for RTX, and no GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from engines.cache import times_path

from engines.errors import BackendError
from engines.nvidia.driver import find_gpu

needs_rtx = pytest.mark.skipif(
    find_spec("tensorrt_rtx") is None, reason='needs TensorRT for RTX: pip install "rtstyle[tensorrt-rtx]"'
)


def _gpu_here() -> bool:
    try:
        find_gpu()
    except BackendError:
        return False
    return True


needs_no_gpu = pytest.mark.skipif(_gpu_here(), reason="says what happens without a GPU, and there is one here")


def _engines(cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rtstyle", "engines", *arguments],
        env={**os.environ, "RTSTYLE_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@needs_rtx
def test_engines_are_built_listed_inspected_built_anew_when_damaged_and_cleaned(tmp_path: Path) -> None:
    built = _engines(tmp_path, "build", "--size", "320x240", "--target", "rtx-4090,sm75", "--json")
    assert built.returncode == 0, built.stderr
    engine = json.loads(built.stdout)["engines"][0]
    assert engine["recipe"]["targets"] == ["sm75", "sm89"]
    assert engine["recipe"]["sizes"]["typical"] == [320, 240]
    assert Path(engine["path"]).stat().st_size == engine["nbytes"]

    written_ns = Path(engine["path"]).stat().st_mtime_ns
    again = _engines(tmp_path, "build", "--size", "320x240", "--target", "sm89,sm75")
    assert "there already" in again.stderr
    assert Path(engine["path"]).stat().st_mtime_ns == written_ns

    listed = json.loads(_engines(tmp_path, "list", "--json").stdout)["engines"]
    assert [e["key"] for e in listed] == [engine["key"]]
    assert engine["key"][:8] in _engines(tmp_path, "list").stdout

    inspected = _engines(tmp_path, "inspect", engine["key"][:8])
    assert inspected.returncode == 0
    for text in ("fast", "320x240", "sm75, sm89", "norms and picture conversion in f32", "not yet on a GPU"):
        assert text in inspected.stdout

    assert "removed 0 files" in _engines(tmp_path, "clean").stdout
    Path(engine["path"]).write_bytes(b"damaged")
    assert "cannot be used: damaged" in _engines(tmp_path, "list").stdout
    damaged = _engines(tmp_path, "inspect", engine["key"])
    assert (damaged.returncode, "damaged" in damaged.stderr) == (2, True)
    anew = _engines(tmp_path, "build", "--size", "320x240", "--target", "sm89,sm75")
    assert "damaged: its content is not what was written: it is built anew" in anew.stderr
    assert Path(engine["path"]).stat().st_size == engine["nbytes"]
    Path(engine["path"]).write_bytes(b"damaged")
    assert "removed 2 files" in _engines(tmp_path, "clean").stdout
    assert list((tmp_path / "nvidia").iterdir()) == []


@needs_rtx
def test_a_range_of_sizes_goes_to_a_folder_that_can_be_taken_along(tmp_path: Path) -> None:
    out = tmp_path / "engines for 4090"
    built = _engines(
        tmp_path, "build", "--max", "640x480", "--target", "rtx-4090", "--runtime", "tensorrt-rtx", "--out", str(out)
    )
    assert built.returncode == 0, built.stderr
    assert sorted(path.suffix for path in out.iterdir()) == [".engine", ".json"]
    assert "64x64..640x480..640x480" in built.stderr


def test_clean_all_removes_everything_that_was_compiled_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "nvidia").mkdir()
    for name in ("nvidia/a.engine", "nvidia/b.timing", "fast-1x1-openvino.compiled", "mine.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert "removed 3 files" in _engines(tmp_path, "clean", "--all").stdout
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["mine.txt"]


def test_clean_forgets_the_speed_of_nets(tmp_path: Path) -> None:
    times_path(tmp_path).write_text("{}")
    assert "removed 1 files" in _engines(tmp_path, "clean").stdout
    assert list(tmp_path.iterdir()) == []


def test_an_empty_cache_says_how_to_fill_it(tmp_path: Path) -> None:
    listed = _engines(tmp_path, "list")
    assert (listed.returncode, "rtstyle engines build" in listed.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("build", "--target", "rtx-4091"), "did you mean rtx-4090"),
        (("build", "--target", "sm89", "--size", "big"), "expected a size as WIDTHxHEIGHT"),
        (("build", "--target", "sm89", "--size", "8x8"), "16x16"),
        (("build", "--target", "sm89", "--net", "fsat"), "did you mean fast"),
        (("build", "--target", "sm89", "--runtime", "tensorrt"), "builds on the GPU that is to run the engine"),
        (("build", "--target", "sm89", "--runtime", "tensort"), "did you mean tensorrt"),
        (("build", "--target", "h100", "--runtime", "tensorrt-rtx"), "not for sm90"),
        (("build", "--size", "64x64", "--max", "640x480"), "choose one"),
        (("inspect", "nothing"), "no engine is called"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(arguments: tuple[str, ...], text: str, tmp_path: Path) -> None:
    if "tensorrt-rtx" in arguments and find_spec("tensorrt_rtx") is None:
        pytest.skip("needs TensorRT for RTX")
    found = _engines(tmp_path, *arguments)
    assert found.returncode == 2
    assert text in found.stderr
    assert "Traceback" not in found.stderr


@needs_no_gpu
@pytest.mark.parametrize("arguments", [("build",), ("build", "--target", "this", "--runtime", "tensorrt")])
def test_building_for_this_gpu_without_one_says_what_can_be_done(arguments: tuple[str, ...], tmp_path: Path) -> None:
    found = _engines(tmp_path, *arguments)
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1
    for text in ("no NVIDIA", "--backend openvino", "--target rtx-4090"):
        assert text in found.stderr


def test_help_shows_an_example_for_every_command(tmp_path: Path) -> None:
    for command in ("build", "list", "inspect", "clean"):
        assert f"rtstyle engines {command}" in _engines(tmp_path, command, "--help").stdout
