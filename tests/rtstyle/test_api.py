"""The Python API: frames that are painted and enlarged, and whole video files."""

from __future__ import annotations

import _thread
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtstyle
from engines.contract import Picture
from engines.errors import BadInputError
from engines.library import user_folder
from engines.net_file import write_net
from realtime.pictures import paint
from rtstyle import api as module
from tests.engines.nets import add_net, identity_net
from tests.engines.tiled_nets import affine_net, sharpening_net
from tests.realtime.video.clips import Clip, number_frame, number_of, pictures, timestamps, write_clip


def _picture(height: int, width: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@settings(max_examples=10, deadline=None)
@given(height=st.integers(16, 70), width=st.integers(16, 70))
def test_any_size_gives_the_same_size_back(height: int, width: int) -> None:
    with rtstyle.Stylizer("udnie") as stylizer:
        assert stylizer(_picture(height, width)).shape == (height, width, 3)


def test_stream_paints_every_frame_in_order_across_a_change_of_size() -> None:
    frames = [_picture(32, 48, seed) for seed in range(3)] + [_picture(40, 24, seed) for seed in range(3)]
    with rtstyle.Stylizer("udnie") as stylizer:
        alone = [stylizer(frame) for frame in frames]
        streamed = list(stylizer.stream(iter(frames)))
    assert len(streamed) == len(frames)
    for one, other in zip(alone, streamed, strict=True):
        assert np.array_equal(one, other)


def test_a_blend_lies_between_its_styles_and_differs_from_both() -> None:
    frame = _picture(64, 64)
    painted = {}
    for style in ("udnie", "wave", "udnie:0.5,wave:0.5", "wave,udnie"):
        with rtstyle.Stylizer(style) as stylizer:
            painted[style] = stylizer(frame)
    assert np.array_equal(painted["udnie:0.5,wave:0.5"], painted["wave,udnie"])
    assert not np.array_equal(painted["udnie"], painted["wave,udnie"])
    assert not np.array_equal(painted["wave"], painted["wave,udnie"])


def test_no_strength_returns_the_frame() -> None:
    frame = _picture(32, 32)
    with rtstyle.Stylizer("udnie", strength=0) as stylizer:
        assert np.array_equal(stylizer(frame), frame)


@pytest.mark.parametrize(
    "frame",
    [np.zeros((32, 32), np.uint8), np.zeros((32, 32, 4), np.uint8), np.zeros((32, 32, 3), np.float32), "photo.jpg"],
)
def test_anything_but_an_rgb_frame_is_refused_in_one_line(frame: object) -> None:
    with rtstyle.Stylizer("udnie") as stylizer, pytest.raises(rtstyle.RtStyleError, match="uint8") as caught:
        stylizer(frame)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_wrong_name_suggests_the_nearest() -> None:
    with pytest.raises(rtstyle.RtStyleError, match="did you mean udnie"):
        rtstyle.Stylizer("udne")


def test_a_stylizer_can_be_used_again_after_close() -> None:
    stylizer = rtstyle.Stylizer("udnie")
    frame = _picture(32, 32)
    first = stylizer(frame)
    stylizer.close()
    stylizer.close()
    assert np.array_equal(stylizer(frame), first)
    stylizer.close()


def test_a_large_frame_is_painted_in_tiles_as_if_it_were_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (130, 180, 3), np.uint8)
    frame[:, 90:] //= 4
    add_net(user_folder(), affine_net())
    with rtstyle.Stylizer(net="affine", precision="f32") as stylizer:
        whole = stylizer(frame)
        monkeypatch.setattr(paint, "TILE_SIDE", 128)
        monkeypatch.setattr(paint, "WHOLE_UP_TO", 100 * 100)
        monkeypatch.setattr(module, "WHOLE_UP_TO", 100 * 100)
        monkeypatch.delattr(module, "open_pipeline")  # an engine for the whole frame must not be what paints
        stylizer.close()
        tiled = stylizer(frame)
    assert np.abs(whole.astype(np.int16) - tiled).max() <= 1


@pytest.fixture
def upscalers() -> None:
    for scale, mode in ((2, "perceptual"), (3, "fidelity")):
        add_net(user_folder(), identity_net(name=f"sr{scale}-{mode}", scale=scale))


@pytest.mark.usefixtures("upscalers")
def test_frames_of_any_size_are_enlarged() -> None:
    with rtstyle.Upscaler(3, mode="fidelity") as upscaler:
        for height, width in ((16, 17), (40, 33)):
            frame = _picture(height, width)
            assert np.array_equal(upscaler(frame), frame.repeat(3, 0).repeat(3, 1))


@pytest.mark.usefixtures("upscalers")
def test_a_stream_is_enlarged_in_order() -> None:
    frames = [_picture(20, 30, seed) for seed in range(5)]
    with rtstyle.Upscaler(2) as upscaler:
        made = list(upscaler.stream(frames))
    assert len(made) == 5
    for frame, picture in zip(frames, made, strict=True):
        assert np.array_equal(picture, frame.repeat(2, 0).repeat(2, 1))


@pytest.mark.usefixtures("upscalers")
def test_a_stylizer_can_enlarge_what_it_painted() -> None:
    frame = _picture(32, 48)
    with rtstyle.Stylizer("wave") as stylizer:
        painted = stylizer(frame)
    with rtstyle.Stylizer("wave", sr=2) as stylizer:
        assert np.array_equal(stylizer(frame), painted.repeat(2, 0).repeat(2, 1))
        assert [picture.shape for picture in stylizer.stream([frame] * 3)] == [(64, 96, 3)] * 3


@pytest.mark.usefixtures("upscalers")
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


@pytest.mark.usefixtures("upscalers")
def test_a_video_is_enlarged_alone_and_after_a_style(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[number_frame(n) for n in range(6)]))
    alone = rtstyle.stylize_video(source, tmp_path / "alone.mp4", sr=2)
    both = rtstyle.stylize_video(source, tmp_path / "both.mp4", "wave", strength=0.2, sr=3, sr_mode="fidelity")
    assert (alone.size, both.size) == ((128, 96), (192, 144))
    for name in ("alone.mp4", "both.mp4"):
        assert [number_of(picture) for picture in pictures(tmp_path / name)] == list(range(6))


@pytest.mark.usefixtures("upscalers")
def test_an_upscaler_that_is_not_there_is_one_line_that_says_which_are() -> None:
    with pytest.raises(rtstyle.RtStyleError, match=r"16 times \(perceptual\); there are: 2 \(fidelity\), 2 \(perc"):
        rtstyle.Upscaler(16)
    with pytest.raises(rtstyle.RtStyleError, match="is for painting"):
        rtstyle.stylize_video("in.mp4", "out.mp4", sr=2, strength=0.5)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_net(tmp_path / "identity.onnx", identity_net())
    return write_clip(tmp_path / "in.mp4", Clip(pictures=[number_frame(n) for n in range(60)]))


def test_it_paints_a_file_and_says_what_it_did(tmp_path: Path, source: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    summary = rtstyle.stylize_video(
        source,
        str(tmp_path / "out.mp4"),
        net=str(tmp_path / "identity.onnx"),
        start=0.5,
        end="0:00:01",
        progress=lambda frames, expected, _rate: seen.append((frames, expected)),
    )
    assert summary.frames == 15
    assert summary.output == tmp_path / "out.mp4"
    assert [number_of(p) for p in pictures(tmp_path / "out.mp4")] == list(range(15, 30))
    assert seen == [(n, 15) for n in range(1, 16)]


def test_notices_are_told_as_they_come(tmp_path: Path) -> None:
    write_net(tmp_path / "identity.onnx", identity_net())
    clip = Clip(pictures=[number_frame(0)] * 3, codec="ffv1", pixel_format="yuv420p10le", options={})
    deep = write_clip(tmp_path / "in.mkv", clip)
    told: list[str] = []
    summary = rtstyle.stylize_video(deep, tmp_path / "out.mp4", net=str(tmp_path / "identity.onnx"), notice=told.append)
    assert tuple(told) == summary.notices == ("yuv420p10le is converted to 8 bits",)


@pytest.mark.parametrize("start", [float("nan"), float("inf"), "soon", -1])
def test_what_is_no_time_is_refused(tmp_path: Path, source: Path, start: float | str) -> None:
    with pytest.raises(BadInputError, match=r"seconds|from 0 on"):
        rtstyle.stylize_video(source, tmp_path / "out.mp4", start=start)
    assert not (tmp_path / "out.mp4").exists()


def test_an_error_in_the_callers_progress_ends_the_job_and_leaves_nothing(tmp_path: Path, source: Path) -> None:
    def progress(frames: int, _expected: int | None, _rate: float) -> None:
        if frames == 3:
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        rtstyle.stylize_video(source, tmp_path / "out.mp4", net=str(tmp_path / "identity.onnx"), progress=progress)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["identity.onnx", "in.mp4"]


def test_an_interrupt_finishes_the_file_before_it_is_raised(tmp_path: Path, source: Path) -> None:
    def progress(frames: int, _expected: int | None, _rate: float) -> None:
        if frames == 3:
            _thread.interrupt_main()

    with pytest.raises(KeyboardInterrupt):
        rtstyle.stylize_video(source, tmp_path / "out.mp4", net=str(tmp_path / "identity.onnx"), progress=progress)
    times = timestamps(tmp_path / "out.mp4")
    assert len(times) >= 3
    assert times == [Fraction(n, 30) for n in range(len(times))]


def test_it_runs_without_torch(tmp_path: Path, source: Path) -> None:
    script = (
        "import sys\nsys.modules['torch'] = None\nimport rtstyle, json\n"
        "summary = rtstyle.stylize_video(sys.argv[1], sys.argv[2], end=0.2)\nprint(json.dumps(summary.frames))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(source), str(tmp_path / "out.mp4")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == 6
