"""NVIDIA's decoder and encoder, as far as a machine without a GPU allows: PyAV's own refusals are real here."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.hwaccel import hwdevices_available
from realtime.video.decoders import CPU, CUDA, choose_decoder

from engines.errors import BackendError, BadInputError, OutputError, SourceError
from engines.nvidia.driver import Gpu, find_gpu
from realtime.video import decoders
from realtime.video.colour import ToRgb, colour_of
from realtime.video.encoders import CODECS, faster_encoder, why_no_nvenc
from rtstyle.commands.options import error_text
from tests.realtime.video.clips import Clip, pictures, run, scene, write_clip


def _gpu_here() -> bool:
    try:
        find_gpu()
    except BackendError:
        return False
    return True


without_gpu = pytest.mark.skipif(_gpu_here(), reason="says what happens without a GPU, and there is one here")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(n, (64, 48)) for n in range(8)]))


@pytest.fixture
def a_gpu_is_said_to_be_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's answer alone: what opens a decoder or encoder is PyAV, and it finds none."""
    if _gpu_here():
        pytest.skip("there is a GPU here")
    gpu = Gpu(name="NVIDIA Wood", capability=(8, 9), memory=8 << 30, driver="13.0")
    monkeypatch.setattr(decoders, "find_gpu", lambda: gpu)


@without_gpu
def test_without_a_gpu_auto_is_the_cpu_and_nothing_is_tried_or_said(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoders, "_frames_a_second", lambda *_: pytest.fail("a trial without a GPU"))
    summary = run(clip, tmp_path / "auto.mp4", codec="auto")
    assert (summary.decoder, summary.codec, summary.notices) == ("cpu", "libx264", ())
    run(clip, tmp_path / "cpu.mp4", codec="h264", decoder="cpu")
    for name in ("auto.mp4", "cpu.mp4"):  # x264 with threads does not give the same bytes every time
        made = pictures(tmp_path / name)
        assert len(made) == 8
        assert all(np.abs(one.astype(int) - scene(n, (64, 48))).mean() < 6 for n, one in enumerate(made))


@without_gpu
def test_a_decoder_that_is_named_and_not_there_is_one_line_with_the_way_on(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(BackendError) as caught:
        run(clip, tmp_path / "out.mp4", decoder="cuda")
    assert re.search(r"^--decoder cuda: no NVIDIA .* or use --decoder cpu$", error_text(caught.value))
    assert "openvino" not in error_text(caught.value)
    assert not (tmp_path / "out.mp4").exists()


@without_gpu
@pytest.mark.parametrize("codec", ["h264_nvenc", "hevc_nvenc", "av1_nvenc"])
def test_an_encoder_that_is_named_and_not_there_says_why(clip: Path, tmp_path: Path, codec: str) -> None:
    with pytest.raises(OutputError) as caught:
        run(clip, tmp_path / "out.mp4", codec=codec)
    assert re.search(r"it needs an NVIDIA GPU .*; no NVIDIA driver .*: try --codec h264$", error_text(caught.value))


@pytest.mark.usefixtures("a_gpu_is_said_to_be_here")
def test_what_the_gpu_does_not_take_is_decoded_by_the_cpu_with_auto_and_an_error_when_named(
    clip: Path, tmp_path: Path
) -> None:
    summary = run(clip, tmp_path / "out.mp4")
    assert summary.decoder == "cpu"
    assert len(summary.notices) == 1
    assert summary.notices[0].startswith("the CPU decodes: ")
    with pytest.raises(BackendError) as caught:
        run(clip, tmp_path / "named.mp4", decoder="cuda")
    assert error_text(caught.value).endswith("use --decoder cpu")
    assert "\n" not in error_text(caught.value)


@pytest.mark.usefixtures("a_gpu_is_said_to_be_here")
def test_an_encoder_that_does_not_open_leaves_the_cpus_and_says_so() -> None:
    told: list[str] = []
    assert faster_encoder(CODECS["h264"], (64, 48), "yuv420p", told.append) is CODECS["h264"]
    assert len(told) == 1
    assert told[0].startswith("the CPU encodes: h264_nvenc does not open")
    assert "NVIDIA Wood" in why_no_nvenc()
    assert faster_encoder(CODECS["vp9"], (64, 48), "yuv420p", told.append) is CODECS["vp9"]


@pytest.mark.usefixtures("a_gpu_is_said_to_be_here")
def test_auto_takes_what_the_trial_shows_to_be_faster(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {CPU: 100.0, CUDA: 300.0}
    monkeypatch.setattr(decoders, "_frames_a_second", lambda _, decoder: rates[decoder])
    told: list[str] = []
    assert choose_decoder(clip, "auto", told.append) == CUDA
    assert told == ["the GPU decodes: 300 frames/s in a trial, the CPU 100; --decoder cpu changes it"]
    rates[CUDA] = 90.0
    assert choose_decoder(clip, "auto", told.append) == CPU
    assert choose_decoder(clip, "cuda", told.append) == CUDA
    assert len(told) == 1


def test_a_trial_reads_the_video_itself(clip: Path, tmp_path: Path) -> None:
    assert decoders._frames_a_second(clip, CPU) > 0
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(SourceError, match="expected a video file"):
        decoders._frames_a_second(tmp_path / "broken.mp4", CUDA)
    with pytest.raises(SourceError, match="no such file"):
        decoders._frames_a_second(tmp_path / "none.mp4", CUDA)


def test_frames_in_the_format_of_the_gpu_become_the_same_rgb(clip: Path) -> None:
    """The GPU hands out nv12 where the CPU hands out yuv420p: the numbers are the same, so the picture must be."""
    with av.open(str(clip)) as container:
        frame = next(container.decode(video=0))
    twin = frame.reformat(format="nv12")
    assert np.array_equal(twin.to_ndarray()[: frame.height], frame.to_ndarray()[: frame.height])
    assert colour_of(twin) == colour_of(frame)
    size = (frame.width, frame.height)
    assert np.array_equal(ToRgb(colour_of(twin), size)(twin), ToRgb(colour_of(frame), size)(frame))


def test_what_makes_no_sense_is_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="did you mean cuda"):
        run(clip, tmp_path / "out.mp4", decoder="cudo")
    with pytest.raises(BadInputError) as caught:
        run(clip, tmp_path / "out.mp4", codec="auto", preset="p4")
    assert "name the encoder with --codec" in error_text(caught.value)
    with pytest.raises(BadInputError, match=r"h264_nvenc is 1 \(best\) to 51, got 0"):
        run(clip, tmp_path / "out.mp4", codec="h264_nvenc", crf=0)


@pytest.mark.skipif("cuda" not in hwdevices_available(), reason="this PyAV was built without CUDA")
def test_the_usual_codecs_can_be_decoded_on_a_gpu_by_this_pyav() -> None:
    for name in ("h264", "hevc", "vp9", "av1"):
        devices = [int(config.device_type) for config in av.Codec(name, "r").hardware_configs]
        assert 2 in devices, name  # AV_HWDEVICE_TYPE_CUDA


@pytest.mark.gpu
def test_the_gpu_decodes_the_same_pictures(clip: Path, tmp_path: Path) -> None:
    try:
        find_gpu()
        decoders._frames_a_second(clip, CUDA)
    except BackendError as error:
        pytest.skip(str(error))
    assert run(clip, tmp_path / "cuda.mp4", decoder="cuda").decoder == "cuda"
    run(clip, tmp_path / "cpu.mp4", decoder="cpu")
    for one, other in zip(pictures(tmp_path / "cuda.mp4"), pictures(tmp_path / "cpu.mp4"), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.gpu
@pytest.mark.parametrize("codec", ["h264_nvenc", "hevc_nvenc", "av1_nvenc"])
def test_the_gpu_encodes_every_frame(tmp_path: Path, codec: str) -> None:
    try:
        find_gpu()
    except BackendError as error:
        pytest.skip(str(error))
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(n, (320, 256)) for n in range(12)]))
    try:
        run(source, tmp_path / "out.mp4", codec=codec)
    except OutputError as error:
        pytest.skip(str(error))
    for one, other in zip(pictures(tmp_path / "out.mp4"), pictures(source), strict=True):
        assert np.abs(one.astype(int) - other).mean() < 6
