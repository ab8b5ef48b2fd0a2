"""A net that does nothing gives back the picture that a viewer saw before."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.video.colour import sdr_from_hdr
from tests.conftest import shared
from tests.realtime.video.clips import Clip, packets, pictures, psnr, rgb_of, run, scene, write_clip

_SD, _HD = (64, 48), (1280, 64)


def _tags(path: Path) -> tuple[int, bool, int, int]:
    """matrix, full range, primaries, transfer"""
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        full = context.color_range == 2 or (context.pix_fmt or "").startswith("yuvj")
        return context.colorspace, full, context.color_primaries, context.color_trc


def _pixel_format(path: Path) -> str:
    with av.open(str(path)) as container:
        return (container.streams.video[0].codec_context.pix_fmt or "").replace("yuvj", "yuv")


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 5, 6])
def test_matrix_range_and_chroma_come_through(tmp_path: Path, matrix: int, full_range: bool, pixel_format: str) -> None:
    clip = Clip(
        pictures=[scene(n) for n in range(3)],
        pixel_format=pixel_format,
        matrix=matrix,
        full_range=full_range,
        primaries=1,
        transfer=1,
    )
    source = write_clip(tmp_path / "in.mp4", clip)
    run(source, tmp_path / "out.mp4")
    assert _tags(tmp_path / "out.mp4") == _tags(source) == (matrix, full_range, 1, 1)
    assert _pixel_format(tmp_path / "out.mp4") == pixel_format
    before, after = pictures(source), pictures(tmp_path / "out.mp4")
    assert psnr(before, after) > 42
    assert abs(float(np.mean(np.array(before, float) - np.array(after, float)))) < 0.6  # no drift of brightness


@pytest.mark.parametrize(("size", "matrix"), [(_SD, 6), (_HD, 1), ((64, 720), 1), ((352, 288), 5)])
def test_a_video_without_tags_is_taken_as_players_take_it_and_then_tagged(
    tmp_path: Path, size: tuple[int, int], matrix: int
) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(n, size) for n in range(2)]))
    assert _tags(source)[0] == 2
    run(source, tmp_path / "out.mp4")
    assert _tags(tmp_path / "out.mp4") == (matrix, False, 2, 2)
    assert psnr(_planes(source), _planes(tmp_path / "out.mp4")) > 45


def _planes(path: Path) -> NDArray[np.float64]:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    parts = [np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width].ravel() for p in frame.planes]
    return np.concatenate(parts).astype(np.float64)


@pytest.mark.parametrize("name", ["asl_book.mkv", "friday.mp4", "cockatoo.mp4"])
def test_real_clips_keep_their_colours(tmp_path: Path, name: str) -> None:
    from fractions import Fraction

    source = shared(f"video/{name}")
    run(source, tmp_path / "out.mp4", end_s=Fraction(1, 2))
    assert psnr(_planes(source), _planes(tmp_path / "out.mp4")) > 45
    assert _tags(tmp_path / "out.mp4")[1] == _tags(source)[1]
    assert _pixel_format(tmp_path / "out.mp4") == _pixel_format(source)


def test_ten_bits_become_eight_with_a_notice(tmp_path: Path) -> None:
    clip = Clip(pictures=[scene(n) for n in range(3)], pixel_format="yuv420p10le", matrix=1, full_range=False)
    source = write_clip(tmp_path / "in.mp4", clip)
    summary = run(source, tmp_path / "out.mp4")
    assert summary.notices == ("yuv420p10le is converted to 8 bits",)
    assert _pixel_format(tmp_path / "out.mp4") == "yuv420p"
    assert psnr(pictures(source), pictures(tmp_path / "out.mp4")) > 42


def test_rgb_and_grey_videos_are_taken(tmp_path: Path) -> None:
    for name, codec, pixel_format in (("rgb", "ffv1", "bgr0"), ("grey", "ffv1", "gray")):
        clip = Clip(pictures=[scene(n) for n in range(3)], codec=codec, pixel_format=pixel_format, options={})
        source = write_clip(tmp_path / f"{name}.mkv", clip)
        run(source, tmp_path / f"{name}.mp4")
        with av.open(str(source)) as container:
            before = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert psnr(before, pictures(tmp_path / f"{name}.mp4")) > 38


def test_transparency_is_left_out_with_a_notice(tmp_path: Path) -> None:
    clip = Clip(pictures=[scene(n) for n in range(3)], codec="ffv1", pixel_format="yuva420p", options={})
    source = write_clip(tmp_path / "in.mkv", clip)
    assert run(source, tmp_path / "out.mp4").notices == ("the video has transparency, which is left out",)


def _pq(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084, equation 5.2."""
    power = (nits / 10000) ** 0.1593017578125
    return np.asarray(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def _hlg(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100: the OETF."""
    return np.where(
        light <= 1 / 12, np.sqrt(3 * light), 0.17883277 * np.log(np.maximum(12 * light - 0.28466892, 1e-9)) + 0.55991073
    )


_GREYS = np.array([0.0, 1, 10, 50, 100, 203, 400, 1000])


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_becomes_sdr_with_a_notice(tmp_path: Path, transfer: int, name: str) -> None:
    # HLG on a display of 1000 nits: the OOTF makes 1000 Y^1.2 of scene light Y
    code = _pq(_GREYS) if transfer == 16 else _hlg((_GREYS / 1000) ** (1 / 1.2))
    steps = np.repeat(np.round(64 + 876 * code), 16).astype(np.uint16)
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = len(steps), 32, "yuv420p10le"
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 9, 9, transfer
        frame = av.VideoFrame(len(steps), 32, "yuv420p10le")
        for plane, values in zip(frame.planes, (steps, np.full(64, 512), np.full(64, 512)), strict=True):
            rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
            rows[:, : plane.width] = values[: plane.width]
            plane.update(rows.tobytes())
        frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc = 1, 9, 9, transfer
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    summary = run(source, tmp_path / "out.mp4")
    assert summary.notices == (f"HDR ({name}) is converted to SDR, 8 bits, BT.709",)
    assert _tags(tmp_path / "out.mp4") == (1, False, 1, 1)
    row = pictures(tmp_path / "out.mp4")[0][8, 8::16].astype(float)
    assert np.ptp(row, axis=1).max() <= 2  # grey stays grey
    grey = row.mean(axis=1)
    assert np.all(np.diff(grey) > 0)  # every step is still seen, highlights too
    assert grey[0] <= 2
    assert 225 <= grey[5] <= 245  # graphics white (203 nits) is white, with a little room above
    assert grey[-1] >= 252
    # what is darker keeps its light on a display with gamma 2.4
    assert grey[4] == pytest.approx(255 * (100 / 203) ** (1 / 2.4), abs=3)


def test_a_saturated_hdr_red_stays_red() -> None:
    red = sdr_from_hdr(np.array([[float(_pq(np.array(150.0))), 0.0, 0.0]]), 16)[0]
    assert red[0] > 0.9
    assert red[1:].max() < 0.1


def test_the_test_itself_sees_a_wrong_matrix(tmp_path: Path) -> None:
    """Without this, the comparisons above could pass on a clip in which the matrix does not matter."""
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(0)], matrix=1))
    with av.open(str(source)) as container:
        frame = next(container.decode(video=0))
    right = rgb_of(frame)
    frame.colorspace = 5
    assert psnr(right, rgb_of(frame)) < 38
    assert packets(source, "video")
