"""The core runs with torch absent, and starts without loading anything heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.rtstyle.command import ROOT, run

_BLOCKER = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

sys.meta_path.insert(0, Absent())
"""
_HEAVY = ["numpy", "cv2", "av", "openvino", "onnx", "onnxruntime", "torch", "PIL", "safetensors"]


def blocked(folder: Path) -> dict[str, str]:
    """An environment in which `import torch` fails as where it is not installed."""
    site = folder / "without_torch"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(_BLOCKER)
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "in.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    import av

    path = tmp_path / "in.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_the_blocker_blocks(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import torch"]
    done = subprocess.run(command, env={**os.environ, **blocked(tmp_path)}, capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError: No module named 'torch'" in done.stderr


def test_a_picture_is_painted_without_torch(tmp_path: Path, picture: Path) -> None:
    run("image", picture, tmp_path / "out.png", env=blocked(tmp_path))
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (64, 48)


def test_a_video_is_painted_without_torch(tmp_path: Path, clip: Path) -> None:
    run("video", clip, tmp_path / "out.mp4", env=blocked(tmp_path))
    assert (tmp_path / "out.mp4").stat().st_size > 0


def test_a_camera_is_painted_without_torch(tmp_path: Path) -> None:
    arguments = ("--source", "test-pattern", "--size", "64x48", "--headless", "--frames", "5", "--json")
    summary = json.loads(run("cam", *arguments, env=blocked(tmp_path)).stdout)
    assert summary


def test_styles_and_the_doctor_work_without_torch(tmp_path: Path, picture: Path) -> None:
    environment = blocked(tmp_path)
    run("doctor", env=environment)
    run("styles", "list", env=environment)
    run("styles", "show", "udnie", env=environment)
    run("styles", "sheet", picture, tmp_path / "sheet.png", "--width", "64", env=environment)


@pytest.mark.parametrize("package", ["engines", "realtime", "rtstyle"])
def test_every_module_of_the_core_can_be_imported_without_torch(tmp_path: Path, package: str) -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name != "__main__.py"
    ]
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('torch', 'torchvision')]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *names],
        cwd=ROOT,
        env={**os.environ, **blocked(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_command_starts_without_loading_anything_heavy() -> None:
    program = "import sys, rtstyle.cli; sys.stdout.write(' '.join(sys.modules))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "rtstyle" in loaded
    assert not loaded & set(_HEAVY)
