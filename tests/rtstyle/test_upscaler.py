"""rtstyle.Upscaler, and enlarging after painting, from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rtstyle
from engines.contract import Picture
from engines.library import user_folder
from realtime.pictures import paint
from rtstyle import api as module
from tests.engines.nets import add_net, identity_net
from tests.engines.tiled_nets import sharpening_net
from tests.realtime.video.clips import Clip, number_frame, number_of, pictures, write_clip


@pytest.fixture(autouse=True)
def _upscalers() -> None:
    for scale, mode in ((2, "perceptual"), (3, "fidelity")):
        add_net(user_folder(), identity_net(name=f"sr{scale}-{mode}", scale=scale))


def _picture(height: int, width: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_frames_of_any_size_are_enlarged() -> None:
    with rtstyle.Upscaler(3, mode="fidelity") as upscaler:
        for height, width in ((16, 17), (40, 33)):
            frame = _picture(height, width)
            assert np.array_equal(upscaler(frame), frame.repeat(3, 0).repeat(3, 1))


def test_a_stream_is_enlarged_in_order() -> None:
    frames = [_picture(20, 30, seed) for seed in range(5)]
    with rtstyle.Upscaler(2) as upscaler:
        made = list(upscaler.stream(frames))
    assert len(made) == 5
    for frame, picture in zip(frames, made, strict=True):
        assert np.array_equal(picture, frame.repeat(2, 0).repeat(2, 1))


def test_a_stylizer_can_enlarge_what_it_painted() -> None:
    frame = _picture(32, 48)
    with rtstyle.Stylizer("wave") as stylizer:
        painted = stylizer(frame)
    with rtstyle.Stylizer("wave", sr=2) as stylizer:
        assert np.array_equal(stylizer(frame), painted.repeat(2, 0).repeat(2, 1))
        assert [picture.shape for picture in stylizer.stream([frame] * 3)] == [(64, 96, 3)] * 3


def test_large_frames_are_enlarged_in_tiles_as_if_they_were_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    add_net(user_folder(), sharpening_net(scale=2, name="sr2-perceptual"))
    frame = _picture(130, 180)
    with rtstyle.Upscaler(2, precision="f32") as upscaler:
        whole = upscaler(frame)
        monkeypatch.setattr(paint, "TILE_SIDE", 64)
        monkeypatch.setattr(module, "TILE_SIDE", 64)
        tiled = [upscaler(frame), upscaler(frame)]
    assert np.array_equal(tiled[0], tiled[1])
    assert np.abs(whole.astype(np.int16) - tiled[0]).max() <= 1


def test_a_video_is_enlarged_alone_and_after_a_style(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[number_frame(n) for n in range(6)]))
    alone = rtstyle.stylize_video(source, tmp_path / "alone.mp4", sr=2)
    both = rtstyle.stylize_video(source, tmp_path / "both.mp4", "wave", strength=0.2, sr=3, sr_mode="fidelity")
    assert (alone.size, both.size) == ((128, 96), (192, 144))
    for name in ("alone.mp4", "both.mp4"):
        assert [number_of(picture) for picture in pictures(tmp_path / name)] == list(range(6))


def test_an_upscaler_that_is_not_there_is_one_line_that_says_which_are() -> None:
    with pytest.raises(rtstyle.RtStyleError, match=r"16 times \(perceptual\); there are: 2 \(fidelity\), 2 \(perc"):
        rtstyle.Upscaler(16)
    with pytest.raises(rtstyle.RtStyleError, match="is for painting"):
        rtstyle.stylize_video("in.mp4", "out.mp4", sr=2, strength=0.5)
