"""--sr as a user types it, in real processes: video, image and cam, alone and after a style."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engines.library import user_folder
from tests.engines.nets import add_net, identity_net
from tests.realtime.pictures.files import gradient
from tests.realtime.video.clips import Clip, number_frame, number_of, packets, pictures, timestamps, tone, write_clip
from tests.rtstyle.command import refused, run

_CAM = ("cam", "--source", "test-pattern", "--size", "64x48", "--headless", "--frames", "4")


@pytest.fixture
def _upscalers() -> None:
    for scale, mode in ((2, "perceptual"), (4, "fidelity")):
        add_net(user_folder(), identity_net(name=f"sr{scale}-{mode}", scale=scale))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    frames = [number_frame(n) for n in range(8)]
    return write_clip(tmp_path / "in.mp4", Clip(pictures=frames, beside=tone(seconds=0.3)))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(gradient(40, 30)).save(tmp_path / "in.png")
    return tmp_path / "in.png"


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.usefixtures("_upscalers")
@pytest.mark.parametrize("style", [(), ("--style", "wave", "--strength", "0.3")])
def test_a_video_is_enlarged_with_its_sound_and_times(tmp_path: Path, clip: Path, style: tuple[str, ...]) -> None:
    done = run("video", clip, tmp_path / "out.mp4", "--sr", "2", *style, "--json")
    facts = json.loads(done.stdout)
    assert (facts["size"], facts["frames"], done.stderr) == ([128, 96], 8, "")
    assert timestamps(tmp_path / "out.mp4") == timestamps(clip)
    assert packets(tmp_path / "out.mp4", "audio") == packets(clip, "audio")
    made = pictures(tmp_path / "out.mp4")
    assert [picture.shape for picture in made] == [(96, 128, 3)] * 8
    assert [number_of(picture) for picture in made] == list(range(8))


@pytest.mark.usefixtures("_upscalers")
def test_a_picture_is_enlarged_alone_or_after_a_style(tmp_path: Path, photo: Path) -> None:
    run("image", photo, tmp_path / "alone.png", "--sr", "4", "--sr-mode", "fidelity")
    assert np.array_equal(_pixels(tmp_path / "alone.png"), gradient(40, 30).repeat(4, 0).repeat(4, 1))
    run("image", photo, tmp_path / "painted.png", "--style", "wave")
    done = run("image", photo, tmp_path / "both.png", "--style", "wave", "--sr", "2", "--json")
    assert np.array_equal(_pixels(tmp_path / "both.png"), _pixels(tmp_path / "painted.png").repeat(2, 0).repeat(2, 1))
    assert json.loads(done.stdout)["pictures"][0]["size"] == [80, 60]


@pytest.mark.usefixtures("_upscalers")
@pytest.mark.parametrize(
    ("told", "net"),
    [
        ((), "sr2-perceptual"),
        (("--style", "wave", "--net", "fast", "--strength", "0.5"), "fast then sr2-perceptual"),
    ],
)
def test_a_camera_is_enlarged_and_recorded_in_that_size(tmp_path: Path, told: tuple[str, ...], net: str) -> None:
    summary = json.loads(run(*_CAM, "--sr", "2", *told, "--record", tmp_path / "out.mp4", "--json").stdout)
    assert (summary["size"], summary["shown"], summary["net"]) == ([128, 96], 4, net)
    assert 0 < summary["stages_ms"]["infer"]["p50"] <= summary["latency_ms"]["p50"]
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (128, 96)


@pytest.mark.usefixtures("_upscalers")
@pytest.mark.parametrize(
    ("told", "why"),
    [
        (("--sr", "8"), "no upscaler enlarges 8 times (perceptual); there are: 2 ("),
        (("--sr", "2", "--strength", "0.5"), "--strength is for painting, and --sr alone only enlarges"),
        (("--sr-mode", "fidelity"), "say with --sr how much"),
    ],
)
def test_wrong_use_is_one_line_in_all_three(
    tmp_path: Path, clip: Path, photo: Path, told: tuple[str, ...], why: str
) -> None:
    for command in (("video", clip, tmp_path / "o.mp4"), ("image", photo, tmp_path / "o.png"), _CAM):
        assert why in refused(*command, *told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "in.png"]


def test_without_any_upscaler_one_line_says_so_and_how_to_get_one(tmp_path: Path, clip: Path) -> None:
    if list(Path("engines/shipped").glob("sr*.onnx")):
        pytest.skip("upscalers are shipped with this version")
    line = refused("video", clip, tmp_path / "out.mp4", "--sr", "4")
    assert line.endswith("there are: none, make one with: rtstyle train sr")


@pytest.mark.usefixtures("_upscalers")
def test_what_the_codec_or_the_format_cannot_hold_is_refused_before_the_work(
    tmp_path: Path, clip: Path, photo: Path
) -> None:
    sr = ("--sr", "4", "--sr-mode", "fidelity")
    line = refused("video", clip, tmp_path / "out.mp4", "--size", "4000x2000", *sr, "--backend", "magic")
    assert "h264 allows pictures of up to 16384x16384 and 35.6 million pixels" in line
    line = refused(*_CAM, "--size", "4000x3000", *sr, "--record", tmp_path / "out.mp4", "--backend", "magic")
    assert "the result would have 16000x12000" in line
    Image.fromarray(gradient(4100, 16)).save(tmp_path / "wide.png")
    line = refused("image", tmp_path / "wide.png", tmp_path / "out.webp", *sr, "--backend", "magic")
    assert "out.webp: webp has at most 16383 pixels a side, the result has 16400x64" in line
    line = refused("image", photo, tmp_path / "out.png", "--size", "12000", *sr, "--backend", "magic")
    assert "at most 500 million pixels" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "in.png", "wide.png"]
