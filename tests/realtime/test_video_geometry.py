"""Sizes, shapes and orientation."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engines.contract import Picture
from engines.errors import BadInputError
from realtime.pipeline import StyleParams
from tests.realtime.video.clips import Clip, doubling_net, pictures, psnr, run, scene, set_display_matrix, write_clip

_TURNS: list[tuple[tuple[int, int, int, int], Callable[[Picture], Picture]]] = [
    ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),  # a phone held upright
    ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
    ((0, -1, 1, 0), lambda p: np.rot90(p, 1)),
    ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
    ((1, 0, 0, -1), lambda p: p[::-1]),
    ((0, 1, 1, 0), lambda p: p.transpose(1, 0, 2)),
    ((0, -1, -1, 0), lambda p: np.rot90(p, 2).transpose(1, 0, 2)),
]
"""Display matrices, and what a player makes of the picture."""


def _size(path: Path) -> tuple[int, int]:
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        return context.width, context.height


@pytest.mark.parametrize(("matrix", "shown"), _TURNS)
def test_a_turned_video_is_painted_and_written_upright(
    tmp_path: Path, matrix: tuple[int, int, int, int], shown: Callable[[Picture], Picture]
) -> None:
    picture = scene(0, (96, 48))
    source = set_display_matrix(write_clip(tmp_path / "in.mp4", Clip(pictures=[picture] * 3)), matrix)
    summary = run(source, tmp_path / "out.mp4")
    assert _display_matrix(source) is not None
    assert _display_matrix(tmp_path / "out.mp4") is None
    wanted = shown(picture)
    assert summary.size == _size(tmp_path / "out.mp4") == (wanted.shape[1], wanted.shape[0])
    assert psnr(pictures(tmp_path / "out.mp4")[0], wanted) > 30


def test_ffmpeg_agrees_on_which_way_a_phone_video_is_turned(tmp_path: Path) -> None:
    source = set_display_matrix(write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(0)])), (0, 1, -1, 0))
    with av.open(str(source)) as container:
        assert next(container.decode(video=0)).rotation == -90  # counter-clockwise: a quarter turn clockwise


def test_a_display_matrix_that_is_no_quarter_turn_is_ignored_with_a_notice(tmp_path: Path) -> None:
    source = set_display_matrix(write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(0)])), (1, 1, -1, 1))
    summary = run(source, tmp_path / "out.mp4")
    assert summary.notices == ("the display matrix is no quarter turn: ignored",)
    assert psnr(pictures(tmp_path / "out.mp4")[0], scene(0)) > 30


def _display_matrix(path: Path) -> object:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).side_data.get("DISPLAYMATRIX")


@pytest.mark.parametrize("size", [(65, 49), (64, 49), (65, 48), (17, 16)])
@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm"])
def test_odd_sizes_stay_as_they_are(tmp_path: Path, size: tuple[int, int], ending: str) -> None:
    clip = Clip(pictures=[scene(n, size) for n in range(3)], codec="ffv1", options={})
    source = write_clip(tmp_path / "in.mkv", clip)
    summary = run(source, tmp_path / f"out{ending}")
    assert summary.size == _size(tmp_path / f"out{ending}") == size
    assert psnr(pictures(source), pictures(tmp_path / f"out{ending}")) > 28
    assert any("4:4:4" in text for text in summary.notices) == (ending != ".webm")


def test_a_size_that_is_asked_for_is_what_comes_out(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(n, (128, 96)) for n in range(3)]))
    summary = run(source, tmp_path / "out.mp4", size=(64, 48))
    assert summary.size == _size(tmp_path / "out.mp4") == (64, 48)
    assert psnr(pictures(tmp_path / "out.mp4")[0][:40], scene(0, (64, 48))[:40]) > 28


def test_pixels_that_are_not_square_keep_their_shape(tmp_path: Path) -> None:
    clip = Clip(pictures=[scene(0, (96, 48))], sample_aspect_ratio=Fraction(4, 3))
    source = write_clip(tmp_path / "in.mp4", clip)
    run(source, tmp_path / "out.mp4")
    turned = set_display_matrix(write_clip(tmp_path / "turned.mp4", clip), (0, 1, -1, 0))
    run(turned, tmp_path / "upright.mp4")
    for path, ratio in ((tmp_path / "out.mp4", Fraction(4, 3)), (tmp_path / "upright.mp4", Fraction(3, 4))):
        with av.open(str(path)) as container:
            assert container.streams.video[0].sample_aspect_ratio == ratio


def test_a_size_of_another_shape_is_shown_in_the_old_shape(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(0, (96, 48))]))
    run(source, tmp_path / "out.mp4", size=(64, 64))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].display_aspect_ratio == 2


def test_an_upscaler_gives_its_larger_size(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(n) for n in range(3)]))
    summary = run(source, tmp_path / "out.mp4", net=doubling_net())
    assert summary.size == _size(tmp_path / "out.mp4") == (128, 96)
    for small, large in zip(pictures(source), pictures(tmp_path / "out.mp4"), strict=True):
        assert psnr(large[::2, ::2], small) > 32


def test_strength_is_not_for_upscalers(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(0)]))
    with pytest.raises(BadInputError, match="not for those that enlarge"):
        run(source, tmp_path / "out.mp4", net=doubling_net(), params=StyleParams(strength=0.5))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4"]


def test_frames_that_change_size_are_all_made_the_first_size(tmp_path: Path) -> None:
    parts = []
    for index, size in enumerate([(64, 48), (96, 80)]):
        clip = Clip(pictures=[scene(n, size) for n in range(5)], muxer="h264")
        parts.append(write_clip(tmp_path / f"{index}.h264", clip).read_bytes())
    source = tmp_path / "in.h264"
    source.write_bytes(b"".join(parts))
    summary = run(source, tmp_path / "out.mp4")
    assert summary.frames == 10
    assert {p.shape for p in pictures(tmp_path / "out.mp4")} == {(48, 64, 3)}
    assert any("changes on the way" in text for text in summary.notices)


def test_a_video_too_small_for_any_net_is_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", Clip(pictures=[scene(0, (12, 12))], codec="ffv1", options={}))
    with pytest.raises(BadInputError, match="at least 16x16"):
        run(source, tmp_path / "out.mp4")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mkv"]


@pytest.mark.parametrize("size", [(8, 64), (64, 20000)])
def test_sizes_out_of_reach_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(BadInputError, match="a size is 16x16 to"):
        run(tmp_path / "in.mp4", tmp_path / "out.mp4", size=size)
