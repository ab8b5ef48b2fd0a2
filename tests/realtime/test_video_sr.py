"""Videos that are enlarged, alone and after painting."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from engines.errors import BadInputError
from realtime.pipeline import StyleParams
from realtime.video.encoders import CODECS, check_size
from rtstyle.commands.options import error_text
from tests.engines.nets import identity_net, tint_net, vector
from tests.realtime.video.clips import (
    Clip,
    doubling_net,
    number_frame,
    number_of,
    packets,
    pictures,
    psnr,
    run,
    scene,
    timestamps,
    tone,
    write_clip,
)


def test_painted_and_enlarged_frames_keep_their_order_and_uneven_times_and_the_sound(tmp_path: Path) -> None:
    clip = Clip(pictures=[number_frame(n) for n in range(9)], pts=[0, 2, 3, 7, 8, 9, 15, 16, 20], beside=tone())
    source, target = write_clip(tmp_path / "in.mp4", clip), tmp_path / "out.mp4"
    summary = run(source, target, net=tint_net(), params=StyleParams(vector=vector(9, 9, 9)), upscaler=doubling_net())
    assert summary.size == (128, 96)
    assert timestamps(target) == timestamps(source) == [Fraction(n, 30) for n in clip.pts or []]
    assert packets(target, "audio") == packets(source, "audio")
    made = pictures(target)
    assert [picture.shape for picture in made] == [(96, 128, 3)] * 9
    assert [number_of(picture) for picture in made] == list(range(9))


def test_strength_is_mixed_before_the_picture_is_enlarged(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", Clip(pictures=[scene(n) for n in range(3)]))
    half = StyleParams(vector=vector(80, 80, 80), strength=0.5)
    run(source, tmp_path / "out.mkv", net=tint_net(), params=half, upscaler=identity_net(scale=3))
    before = np.array(pictures(source), float).repeat(3, 1).repeat(3, 2)
    after = np.array(pictures(tmp_path / "out.mkv"), float)
    dark = before.max(axis=-1) < 170  # nothing is clipped there
    assert np.abs(after[dark] - before[dark] - 40).mean() < 4


def test_an_odd_video_enlarged_by_three_keeps_every_line(tmp_path: Path) -> None:
    clip = Clip(pictures=[scene(n, (65, 49)) for n in range(3)], codec="ffv1", pixel_format="yuv444p", options={})
    source, target = write_clip(tmp_path / "in.mkv", clip), tmp_path / "out.mp4"
    assert run(source, target, net=identity_net(scale=3)).size == (195, 147)
    larger = [picture.repeat(3, 0).repeat(3, 1) for picture in pictures(source)]
    assert psnr(pictures(target), larger) > 35


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1", "hevc_nvenc"])
def test_the_largest_picture_of_each_codec_is_allowed_and_the_next_is_not(codec: str) -> None:
    encoder = CODECS[codec]
    for size in ((8192, 4352), (4096, 8704), (16384, 2176), (16, 16)):
        check_size(encoder, size)
    for size in ((8192, 4353), (8193, 4352), (16385, 16), (16, 16385)):
        with pytest.raises(BadInputError, match=f"{encoder.family} allows .* would have {size[0]}x{size[1]}"):
            check_size(encoder, size)


def test_a_result_that_no_player_takes_is_refused_before_any_work(tmp_path: Path) -> None:
    clip = Clip(pictures=[np.full((16, 4098, 3), 90, np.uint8)] * 2)
    source = write_clip(tmp_path / "in.mp4", clip)
    with pytest.raises(BadInputError) as caught:
        run(source, tmp_path / "out.mp4", net=identity_net(scale=4), backend="magic")  # not even looked for
    assert "would have 16392x64: make it smaller with --size or a lower --sr" in error_text(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
