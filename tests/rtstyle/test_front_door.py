from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import rtstyle
from engines import errors

_ROOT = Path(__file__).parents[2]

_SCRIPT = """
from pathlib import Path

import numpy as np

import rtstyle

frame = np.zeros((480, 640, 3), np.uint8)
with rtstyle.Stylizer("udnie", net="fast", strength=0.5, keep_colors=True, sr=2) as stylizer:
    reveal_type(stylizer)
    reveal_type(stylizer(frame).shape)
reveal_type(rtstyle.Upscaler(4, mode="fidelity")(frame).shape)
options = rtstyle.StyleOptions(style="udnie", strength=0.5)
reveal_type(rtstyle.Stylizer(options))
try:
    summary = rtstyle.stylize_video("in.mp4", Path("out.mp4"), "udnie", strength=0.5)
    reveal_type(summary.frames)
except rtstyle.SourceError as error:
    reveal_type(error)
"""


def _checked(script: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(cache), str(script)]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)


def test_a_type_checker_sees_the_types_of_a_users_script(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    done = _checked(script, tmp_path / "cache")
    told = [line.rpartition("Revealed type is ")[2] for line in done.stdout.splitlines() if "Revealed" in line]
    names = ["Stylizer", "tuple[", "tuple[", "Stylizer", "int", "SourceError"]
    assert len(told) == len(names), done.stdout
    for name, text in zip(names, told, strict=True):
        assert name in text
    assert not [line for line in done.stdout.splitlines() if line.startswith(str(script)) and ": error:" in line]

    script.write_text(_SCRIPT + "rtstyle.Stylizer(strength='much')\nrtstyle.Upscaler()\nrtstyle.paint\n")
    wrong = [line for line in _checked(script, tmp_path / "cache").stdout.splitlines() if ": error:" in line]
    assert len([line for line in wrong if "script.py" in line]) == 3


def test_every_error_can_be_caught_by_its_name_in_rtstyle() -> None:
    for name in errors.__all__:
        assert getattr(rtstyle, name) is getattr(errors, name)


def test_all_public_names_are_there_and_listed() -> None:
    for name in rtstyle.__all__:
        assert getattr(rtstyle, name) is not None
        assert name in dir(rtstyle)
    with pytest.raises(AttributeError, match="has no attribute 'paint'"):
        rtstyle.paint  # type: ignore[attr-defined]  # noqa: B018
