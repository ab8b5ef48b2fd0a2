"""Chapters, titles, covers, fonts and time codes come along."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from tests.realtime.video.clips import Clip, run, scene, timestamps, together, tone, write_clip


def _scenes(count: int) -> list[Any]:
    return [scene(index) for index in range(count)]


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_chapters_and_titles_come_along(tmp_path: Path, ending: str) -> None:
    clip = Clip(
        pictures=_scenes(60),
        metadata={"title": "A day", "artist": "Somebody", "comment": "made for a test"},
        chapters=[
            {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}},
            {"id": 2, "start": 1000, "end": 2000, "time_base": Fraction(1, 1000), "metadata": {"title": "Two"}},
        ],
    )
    source = write_clip(tmp_path / f"in{ending}", clip)
    summary = run(source, tmp_path / f"out{ending}")
    assert summary.notices == ()
    with av.open(str(tmp_path / f"out{ending}")) as container:
        found = {key.lower(): value for key, value in container.metadata.items()}
        chapters = [
            (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]["title"])
            for c in container.chapters()
            if c["time_base"] is not None
        ]
    assert {key: found[key] for key in clip.metadata} == clip.metadata
    assert chapters == [(0, 1, "One"), (1, 2, "Two")]


def test_chapters_are_cut_with_the_video(tmp_path: Path) -> None:
    chapter = {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}}
    later = {**chapter, "id": 2, "start": 1000, "end": 2000, "metadata": {"title": "Two"}}
    source = write_clip(tmp_path / "in.mkv", Clip(pictures=_scenes(60), chapters=[chapter, later]))
    run(source, tmp_path / "out.mkv", start_s=Fraction(3, 2))
    with av.open(str(tmp_path / "out.mkv")) as container:
        (kept,) = container.chapters()
    assert kept["time_base"] is not None
    assert (kept["start"] * kept["time_base"], kept["end"] * kept["time_base"]) == (0, Fraction(1, 2))
    assert kept["metadata"]["title"] == "Two"


def _cover() -> bytes:
    file = io.BytesIO()
    Image.fromarray(scene(3, (80, 80))).save(file, "JPEG")
    return file.getvalue()


def _with_cover(container: av.container.OutputContainer) -> Callable[[], None]:
    stream = container.add_mux_stream("mjpeg", width=80, height=80)
    stream.disposition = av.stream.Disposition.attached_pic

    def write() -> None:
        packet = av.Packet(_cover())
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 1000)
        container.mux(packet)

    return write


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_cover_picture_is_neither_painted_nor_lost(tmp_path: Path, ending: str) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=_scenes(10), beside=together(_with_cover, tone())))
    summary = run(source, tmp_path / f"out{ending}")
    assert summary.notices == ()
    assert len(timestamps(tmp_path / f"out{ending}")) == 10
    with av.open(str(tmp_path / f"out{ending}")) as container:
        covers = [s for s in container.streams.video if s.disposition & av.stream.Disposition.attached_pic]
        assert len(covers) == 1
        assert bytes(next(iter(container.demux(covers[0])))) == _cover()
    # and back again
    run(tmp_path / f"out{ending}", tmp_path / "back.mp4")
    with av.open(str(tmp_path / "back.mp4")) as container:
        assert [int(s.disposition) & 1024 for s in container.streams.video] == [0, 1024]


def test_a_cover_has_no_place_in_webm_and_that_is_said(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=_scenes(5), beside=_with_cover))
    assert run(source, tmp_path / "out.webm").notices == (
        "stream 1 (video, mjpeg) has no place in the output: left out",
    )


def test_attached_fonts_come_along(tmp_path: Path) -> None:
    def add(container: av.container.OutputContainer) -> Callable[[], None]:
        container.add_attachment("some.ttf", "font/ttf", b"not really a font")
        return lambda: None

    source = write_clip(tmp_path / "in.mkv", Clip(pictures=_scenes(5), beside=add))
    assert run(source, tmp_path / "out.mkv").notices == ()
    with av.open(str(tmp_path / "out.mkv")) as container:
        (font,) = container.streams.attachments
        assert (font.name, font.mimetype, font.data) == ("some.ttf", "font/ttf", b"not really a font")
    (notice,) = run(source, tmp_path / "out.mp4").notices
    assert notice == "stream 1 (attachment) has no place in the output: left out"


def test_a_time_code_comes_along(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mov", Clip(pictures=_scenes(5), metadata={"timecode": "01:00:00:00"}))
    assert run(source, tmp_path / "out.mov").notices == ()
    with av.open(str(tmp_path / "out.mov")) as container:
        assert [s.metadata["timecode"] for s in container.streams] == ["01:00:00:00"] * 2


def test_a_second_video_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    def add(container: av.container.OutputContainer) -> Callable[[], None]:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"

        def write() -> None:
            frame = av.VideoFrame.from_ndarray(scene(0, (32, 32)), "rgb24")
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

        return write

    source = write_clip(tmp_path / "in.mkv", Clip(pictures=_scenes(5), beside=add))
    summary = run(source, tmp_path / "out.mkv")
    assert summary.notices == ("stream 1 (video, mpeg4) has no place in the output: left out",)
    assert summary.size == (64, 48)
