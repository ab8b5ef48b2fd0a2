"""Every example on the project's pages runs, unless the page says why it cannot run here."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import typer
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from rtstyle.cli import app
from tests.docs.pages import ROOT, Example, examples

_SHELL = examples("sh")
_PYTHON = examples("python")
_NO_BASH = pytest.mark.skipif(shutil.which("bash") is None or os.name == "nt", reason="needs bash and POSIX paths")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples expect in the folder where they are typed: small files of the real kinds."""
    folder = tmp_path_factory.mktemp("files")
    picture = Image.fromarray(_picture(0))
    for name in ("photo.jpg", "in.png"):
        picture.save(folder / name)
    (folder / "photos").mkdir()
    for number in range(3):
        Image.fromarray(_picture(20 * number)).save(folder / "photos" / f"{number}.jpg")
    _clip(folder / "in.mp4", frames=6, rate=10)
    for name in ("small.mp4", "my-clip.mp4", "clip.mp4"):
        shutil.copy(folder / "in.mp4", folder / name)
    _clip(folder / "film.mkv", frames=93, rate=1)
    (folder / "mosaic.onnx").write_bytes(_published_net())
    return folder


@pytest.fixture
def scratch(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with those files, in which `rtstyle` is this one."""
    folder = Path(shutil.copytree(files, tmp_path / "scratch"))
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "rtstyle").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m rtstyle "$@"\n')
    (programs / "rtstyle").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    return folder


@_NO_BASH
@pytest.mark.parametrize(
    "example", [e for e in _SHELL if any(map(e.runs, e.commands()))], ids=lambda example: example.name
)
def test_shell_examples_run(example: Example, scratch: Path) -> None:
    for command in filter(example.runs, example.commands()):
        done = _run(["bash", "-euo", "pipefail", "-c", command], scratch)
        assert done.returncode == 0, f"{example.name}: {command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("example", [e for e in _PYTHON if e.not_run is None], ids=lambda example: example.name)
def test_python_examples_run(example: Example, scratch: Path) -> None:
    done = _run([sys.executable, "-W", "error", "-c", example.text], scratch)
    assert done.returncode == 0, f"{example.name}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("example", _SHELL, ids=lambda example: example.name)
def test_examples_that_cannot_run_have_options_that_there_are(example: Example) -> None:
    for command in example.commands():
        words = shlex.split(command, comments=True)
        if words[0] == "rtstyle" and not example.runs(command):
            _parse(words[1:])


@pytest.mark.parametrize("example", _SHELL + _PYTHON, ids=lambda example: example.name)
def test_a_mark_is_about_something(example: Example) -> None:
    beginnings = [b for b in example.left_out if not any(line.startswith(b) for line in example.commands())]
    assert not beginnings, f"{example.name}: no line begins with {beginnings}"


def test_a_misspelled_option_would_be_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        _parse(["cam", "--stile", "wave"])


def _parse(words: list[str]) -> None:
    """Read a command line as `rtstyle` would, and do nothing. Raises click's UsageError."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("rtstyle", list(words))
    while hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def _picture(shift: int) -> NDArray[np.uint8]:
    """uint8 (64, 96, 3) RGB: a gradient that moves."""
    y, x = np.mgrid[0:64, 0:96]
    return np.stack([(2 * x + shift) % 256, (4 * y + shift) % 256, (x + y) % 256], axis=-1).astype(np.uint8)


def _clip(path: Path, *, frames: int, rate: int) -> None:
    """So many frames of 96x64 with half a second of a tone."""
    with av.open(str(path), "w") as container:
        video, sound = container.add_stream("libx264", rate=rate), container.add_stream("aac", rate=16000)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        for number in range(frames):
            frame = VideoFrame.from_ndarray(_picture(8 * number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(video.encode(frame))
        tone = np.sin(np.arange(8000, dtype=np.float32) / 9)[None]
        samples = AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        samples.sample_rate, samples.pts, samples.time_base = 16000, 0, Fraction(1, 16000)
        container.mux(sound.encode(samples))
        container.mux(video.encode())
        container.mux(sound.encode())


def _published_net() -> bytes:
    """A net of one style as others publish it: float NCHW in 0..255 at both ends. It turns the colours round."""
    turn = helper.make_tensor("turn", TensorProto.FLOAT, [3, 3, 1, 1], np.eye(3)[::-1].ravel().tolist())
    graph = helper.make_graph(
        [helper.make_node("Conv", ["in", "turn"], ["out"])],
        "mosaic",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [turn],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()  # type: ignore[no-any-return]
