from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.contract import EngineOptions, Picture
from engines.errors import BadInputError
from engines.net_file import NetFile
from engines.styles import resolve_style
from realtime.pictures.batch import BatchOptions, BatchSummary, Box, paint_batch, parse_box
from realtime.pictures.paint import PicturePipeline
from realtime.pictures.write import plan_pictures
from realtime.pipeline import ResolvedPipeline, StyleParams
from tests.engines.nets import identity_net
from tests.realtime.pictures.files import gradient

F32 = EngineOptions(precision="f32")


def _paint(net: NetFile, params: StyleParams, folder: Path, out: Path, said: list[str]) -> BatchSummary:
    with PicturePipeline(ResolvedPipeline(net=net, params=params), options=F32) as pipeline:
        return paint_batch(
            plan_pictures([str(folder)], str(out)),
            pipeline,
            BatchOptions(),
            notice=said.append,
            failed=lambda error: said.append(str(error)),
            done=lambda painted: said.append(painted.target),
        )


def _save(folder: Path, name: str, pixels: Picture) -> None:
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / name)


def test_colours_that_cannot_be_seen_change_nothing_that_can(tmp_path: Path) -> None:
    alpha = np.zeros((48, 64, 1), np.uint8)
    alpha[10:40, 10:50] = 255
    black = gradient(64, 48) * (alpha > 0)
    rough = np.where(alpha > 0, black, np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
    for name, pixels in (("black.png", black), ("rough.png", rough)):
        _save(tmp_path / "in", name, np.dstack([pixels, alpha]))
    chosen = resolve_style("udnie")
    _paint(chosen.net, StyleParams(vector=chosen.vector), tmp_path / "in", tmp_path / "out", [])
    one, other = (np.asarray(Image.open(tmp_path / "out" / name)) for name in ("black.png", "rough.png"))
    assert np.array_equal(one, other)
    assert np.array_equal(one[..., 3:], alpha)


def test_an_upscaler_enlarges_colours_and_alpha(tmp_path: Path) -> None:
    rgba = np.dstack([gradient(40, 30), np.full((30, 40), 77, np.uint8)])
    _save(tmp_path / "in", "a.png", rgba)
    summary = _paint(identity_net(scale=3), StyleParams(), tmp_path / "in", tmp_path / "out", [])
    assert summary.painted[0].size == (120, 90)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), rgba.repeat(3, 0).repeat(3, 1))


def test_pictures_that_cannot_be_read_or_written_do_not_stop_the_others(tmp_path: Path) -> None:
    for name in ("a.png", "c.png", "e.png"):
        _save(tmp_path / "in", name, gradient())
    (tmp_path / "in" / "b.png").write_bytes(b"")
    (tmp_path / "in" / "d.webp").write_bytes((tmp_path / "in" / "a.png").read_bytes())
    _save(tmp_path / "out", "a.png", gradient())
    said: list[str] = []
    summary = _paint(identity_net(), StyleParams(), tmp_path / "in", tmp_path / "out", said)
    assert [Path(painted.target).name for painted in summary.painted] == ["c.png", "d.webp", "e.png"]
    assert [Path(failure.source).name for failure in summary.failed] == ["a.png", "b.png"]
    assert "exists already" in said[0]
    assert "the file is empty" in said[1]
    assert [Path(text).name for text in said[2:]] == ["c.png", "d.webp", "e.png"]
    with Image.open(tmp_path / "out" / "d.webp") as image:
        assert image.format == "WEBP"


def test_notices_name_the_picture(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (20, 20), "red"), Image.new("RGB", (20, 20), "blue")
    (tmp_path / "in").mkdir()
    first.save(tmp_path / "in" / "a.gif", save_all=True, append_images=[second])
    said: list[str] = []
    _paint(identity_net(), StyleParams(), tmp_path / "in", tmp_path / "out", said)
    assert said == [
        f"{tmp_path / 'in' / 'a.gif'}: holds several pictures, only the first one is painted",
        str(tmp_path / "out" / "a.png"),
    ]


@pytest.mark.parametrize(
    ("text", "size", "fitted"),
    [
        ("20x20", (40, 30), (20, 15)),
        ("80", (40, 30), (80, 60)),
        ("10x1000", (40, 30), (10, 8)),
        ("1", (9, 900), (1, 1)),
    ],
)
def test_a_box_keeps_the_shape(text: str, size: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert parse_box(text).fitted(size) == fitted


@pytest.mark.parametrize("text", ["", "x", "0x10", "10x", "-5", "10x10x10", "1.5", "99999", "wide", "²"])
def test_sizes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="WIDTHxHEIGHT or one number"):
        parse_box(text)


def test_a_box_is_what_was_said() -> None:
    assert parse_box("640X480") == Box(width=640, height=480)
