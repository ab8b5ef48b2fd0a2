from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.contract import Picture
from engines.library import user_folder
from tests.conftest import shared
from tests.engines.nets import add_net
from tests.engines.tiled_nets import affine_net
from tests.realtime.pictures.files import claims_to_be, gradient
from tests.rtstyle.command import ROOT, refused, run


def _save(path: Path, pixels: Picture | None = None, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(gradient(64, 48) if pixels is None else pixels).save(path, **options)  # type: ignore[arg-type]
    return path


def _pixels(path: Path) -> Picture:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _piped(*arguments: str, content: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "rtstyle", "image", *arguments],
        cwd=ROOT,
        input=content,
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_a_real_photo_is_painted_in_its_size(tmp_path: Path) -> None:
    photo = sorted(shared("content").glob("*.jpg"))[0]
    done = run("image", photo, tmp_path / "out.png", "--style", "udnie:0.6,wave:0.4")
    before, after = _pixels(photo), _pixels(tmp_path / "out.png")
    assert after.shape == before.shape
    assert np.abs(after.astype(int) - before).mean() > 5
    assert done.stdout.startswith(f"{tmp_path / 'out.png'}: {before.shape[1]}x{before.shape[0]} in ")
    assert done.stderr == ""


def test_a_folder_is_painted_and_broken_pictures_are_counted(tmp_path: Path) -> None:
    _save(tmp_path / "in" / "a.jpg")
    _save(tmp_path / "in" / "deep" / "b.png", gradient(20, 10))
    (tmp_path / "in" / "broken.jpg").write_bytes((tmp_path / "in" / "a.jpg").read_bytes()[:400])
    (tmp_path / "in" / "bomb.png").write_bytes(claims_to_be(50_000, 50_000))
    done = run("image", tmp_path / "in", tmp_path / "out", "--recursive", "--json", code=2)
    facts = json.loads(done.stdout)
    assert (facts["files"], facts["painted"], facts["failed"]) == (4, 2, 2)
    assert facts["seconds"] > 0
    assert [Path(picture["source"]).name for picture in facts["pictures"]] == ["a.jpg", "b.png"]
    assert [Path(failure["source"]).name for failure in facts["failures"]] == ["bomb.png", "broken.jpg"]
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"rtstyle: {tmp_path / 'in'}") for line in lines)
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert found == ["a.jpg", "deep/b.png"]
    assert _pixels(tmp_path / "out" / "deep" / "b.png").shape == (10, 20, 3)


def test_existing_files_are_kept_unless_forced(tmp_path: Path) -> None:
    source, target = _save(tmp_path / "in.png"), tmp_path / "out.png"
    target.write_text("mine")
    assert "--force" in refused("image", source, target)
    assert target.read_text() == "mine"
    run("image", source, target, "--force")
    assert _pixels(target).shape == (48, 64, 3)


def test_stdin_to_stdout_is_a_picture_and_nothing_else() -> None:
    content = io.BytesIO()
    Image.fromarray(gradient(40, 30)).save(content, "JPEG")
    for options, expected in (((), "PNG"), (("--format", "webp"), "WEBP")):
        done = _piped("-", "-", *options, content=content.getvalue())
        assert done.returncode == 0, done.stderr
        with Image.open(io.BytesIO(done.stdout)) as image:
            assert (image.format, image.size) == (expected, (40, 30))
    done = _piped("-", "-", content=b"no picture")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines() == [
        "rtstyle: stdin: expected a picture, this is no kind of picture that can be read"
    ]


def test_alpha_size_strength_and_format_work_together(tmp_path: Path) -> None:
    rgba = np.dstack([gradient(64, 48), np.tile(np.repeat([0, 255], 32).astype(np.uint8), (48, 1))])
    source = _save(tmp_path / "in.png", rgba)
    run("image", source, tmp_path / "out.webp", "--size", "32", "--strength", "0", "--quality", "100")
    with Image.open(tmp_path / "out.webp") as image:
        assert (image.mode, image.size) == ("RGBA", (32, 24))
        out = np.asarray(image)
    assert (out[:, :15, 3] == 0).all()
    assert (out[:, 17:, 3] == 255).all()
    expected = np.asarray(Image.fromarray(gradient(64, 48)).resize((32, 24), Image.Resampling.BOX))
    assert np.abs(out[:, 18:, :3].astype(int) - expected[:, 18:]).max() <= 12


def test_keeping_colours_keeps_them(tmp_path: Path) -> None:
    pixels = np.full((48, 64, 3), (60, 90, 180), np.uint8)
    pixels[::4] -= 20
    source = _save(tmp_path / "in.png", pixels)
    run("image", source, tmp_path / "out.png", "--keep-colors", "--style", "scream")
    out = _pixels(tmp_path / "out.png").astype(int)
    blue_over_red = out[..., 2] - out[..., 0]
    assert np.median(blue_over_red) == pytest.approx(120, abs=40)


def test_forced_tiles_show_no_seams(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    source = _save(tmp_path / "in.png", gradient(190, 110) // 2 + rng.integers(0, 60, (110, 190, 3), np.uint8))
    add_net(user_folder(), affine_net())
    run("image", source, tmp_path / "whole.png", "--tile", "0", "--net", "affine")
    run("image", source, tmp_path / "tiles.png", "--tile", "64", "--net", "affine")
    whole, tiles = (_pixels(tmp_path / name).astype(int) for name in ("whole.png", "tiles.png"))
    assert np.abs(whole - tiles).mean() < 1
    assert np.abs(whole - tiles).max() <= 8  # bf16, where the CPU has it


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["in.png"], "expected IN... OUT"),
        (["in.png", "out.png", "--tile", "50"], "tiles for net fast are at least"),
        (["in.png", "out.png", "--size", "big"], "WIDTHxHEIGHT"),
        (["in.png", "out.png", "--quality", "0"], "quality is 1 to 100"),
        (["in.png", "out.png", "--format", "gif"], "no picture format is called 'gif'"),
        (["in.png", "out.png", "--style", "udni"], "did you mean udnie?"),
        (["in.png", "out.png", "--strength", "2"], "strength is 0 to 1"),
        (["in.png", "-", "--json"], "stdout cannot take a picture and --json both"),
        (["missing.png", "out.png"], "missing.png: cannot be read"),
        (["in.png", "in.png/out.png"], "in.png/out.png: cannot be written"),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else "",
)
def test_wrong_use_is_one_line(tmp_path: Path, arguments: list[str], reason: str) -> None:
    _save(tmp_path / "in.png")
    names = [str(tmp_path / text) if "." in text else text for text in arguments]
    assert reason in refused("image", *names)
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_one_line(tmp_path: Path) -> None:
    source = _save(tmp_path / "in.png")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rtstyle", "image", str(source), "-"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
    assert done.returncode == 2
    assert len(done.stderr.decode().splitlines()) == 1
    assert "stdout: cannot be written" in done.stderr.decode()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_leaves_whole_pictures_only(tmp_path: Path) -> None:
    for index in range(30):
        _save(tmp_path / "in" / f"{index:02}.png", gradient(300 + index, 200))
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "rtstyle", "image", str(tmp_path / "in"), str(out)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()  # the first picture is done
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < 20
    assert process.returncode == 130
    assert errors.splitlines() == ["rtstyle: interrupted: what was painted so far is complete"]
    written = list(out.iterdir())
    assert 0 < len(written) < 30
    for path in written:
        assert path.suffix == ".png"
        assert _pixels(path).shape[0] == 200
