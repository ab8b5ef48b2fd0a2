"""A wheel that was built from the source distribution installs into an empty environment, and paints a picture."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_ROOT = Path(__file__).parent.parent
_BUILD_BACKEND = "setuptools>=77"
"""As in pyproject.toml. Where not even this can be had, there is no package index."""


def _environment(folder: Path) -> Path:
    """The interpreter of a new, empty environment."""
    venv.create(folder, with_pip=False)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(list(map(str, command)), cwd=cwd, env=kept, capture_output=True, text=True, check=False)


def _pip(python: Path, *arguments: str | Path, cwd: Path) -> None:
    """This environment's pip, at work in another one. Skips the test where there is no package index."""
    done = _run(sys.executable, "-m", "pip", "--python", python, "--quiet", *arguments, cwd=cwd)
    if done.returncode and f"No matching distribution found for {_BUILD_BACKEND}" in done.stderr:
        pytest.skip(f"needs a package index: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr


def _sources(folder: Path) -> Path:
    """What a commit would hold, so that nothing that lies around gets into the packages."""
    listed = _run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=_ROOT)
    if listed.returncode:
        pytest.skip("needs a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (_ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((_ROOT / name).read_bytes())
    return folder


def test_a_wheel_from_the_sdist_installs_into_an_empty_environment_and_paints(tmp_path: Path) -> None:
    sources, packages, built = _sources(tmp_path / "sources"), tmp_path / "packages", tmp_path / "built"
    builder = _environment(tmp_path / "builder")
    _pip(builder, "install", "--no-compile", _BUILD_BACKEND, cwd=tmp_path)
    backend = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    done = _run(builder, "-c", backend, packages, cwd=sources)
    assert done.returncode == 0, done.stderr
    (sdist,) = packages.glob("rtstyle-*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert any(name.endswith("/engines/shipped/fast.onnx") for name in archive.getnames())
    _pip(builder, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", built, sdist, cwd=tmp_path)
    (wheel,) = built.glob("rtstyle-*.whl")
    with zipfile.ZipFile(wheel) as archive_of_wheel:
        tops = {name.partition("/")[0] for name in archive_of_wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "benchmarks",
        "engines",
        "realtime",
        "rtstyle",
        "train",
    }

    empty = _environment(tmp_path / "empty")
    _pip(empty, "install", "--no-compile", wheel, cwd=tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)).save(tmp_path / "in.png")
    done = _run(empty.with_name("rtstyle"), "image", "in.png", "out.png", "--style", "udnie", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "out.png") as painted:
        assert painted.size == (64, 48)
    assert "torch" not in _run(empty, "-c", "import sys, rtstyle.cli; print(*sys.modules)", cwd=tmp_path).stdout.split()
