from __future__ import annotations

import functools
import http.server
import itertools
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engines.errors import SourceError
from realtime.live.frame import EndOfSource, LiveFrame, plausible_rate
from realtime.live.sources import MediaSource, PatternSource, public_name, source_kind
from tests.conftest import shared
from tests.realtime.live.clips import write_clip
from tests.realtime.live.mjpeg import MjpegCamera

_TIMES = [0, 40, 45, 200, 233, 500]


def _all(source: MediaSource) -> list[LiveFrame]:
    grabs = []
    try:
        while True:
            grabs.append(source.read())
    except EndOfSource:
        return grabs


def test_a_file_gives_every_frame_with_its_own_time_and_starts_again(tmp_path: Path) -> None:
    source = MediaSource(str(write_clip(tmp_path / "vfr.mkv", _TIMES)), stall_s=5)
    try:
        assert source.timing == "paced"
        for _ in range(2):
            grabs = _all(source)
            assert [round((grab.clock_s or 0) * 1000) for grab in grabs] == _TIMES
            greys = [int(np.median(grab.picture)) for grab in grabs]
            assert np.abs(np.array(greys) - [20 + 8 * n for n in range(6)]).max() <= 2
            with pytest.raises(EndOfSource):
                source.read()
            source.rewind()
    finally:
        source.close()


def test_a_file_says_its_rate_and_a_stream_without_a_clock_does_not(tmp_path: Path) -> None:
    source = MediaSource(str(write_clip(tmp_path / "even.mp4", list(range(0, 2000, 100)))), stall_s=5)
    assert source.rate == pytest.approx(10, rel=0.1)
    source.close()
    with MjpegCamera() as camera:
        stream = MediaSource(camera.url, stall_s=5)
        assert stream.rate is None
        stream.close()


@pytest.mark.parametrize(
    ("stated", "rate"), [(29.97, 29.97), (0, None), (-1, None), (90000, None), (float("nan"), None), (None, None)]
)
def test_a_rate_that_no_camera_has_is_none(stated: float | None, rate: float | None) -> None:
    assert plausible_rate(stated) == rate


def test_a_stream_is_live_and_its_login_is_used_and_not_shown() -> None:
    with MjpegCamera(login="me:geheim") as camera:
        source = MediaSource(camera.url, stall_s=5)
        try:
            assert source.timing == "live"
            assert "geheim" not in source.name
            grabs = [source.read() for _ in range(3)]
        finally:
            source.close()
    assert grabs[0].picture.shape == (120, 160, 3)
    assert all(grab.clock_s is None for grab in grabs)  # MJPEG over HTTP has no timestamps
    bar = grabs[0].picture.reshape(-1, 3).astype(int)
    bar = np.median(bar[bar[:, 0] > 200], axis=0)
    assert np.abs(bar - (240, 200, 40)).max() <= 20  # RGB, from what the camera drew as BGR


def test_a_wrong_login_is_one_line_without_the_login() -> None:
    with MjpegCamera(login="me:geheim") as camera, pytest.raises(SourceError, match="cannot be opened") as caught:
        MediaSource(camera.url.replace("geheim", "falsch"), stall_s=5)
    assert "falsch" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_stream_that_goes_silent_is_given_up_in_time() -> None:
    with MjpegCamera() as camera:
        source = MediaSource(camera.url, stall_s=0.6)
        try:
            source.read()
            camera.answering.clear()
            began_s = time.monotonic()
            with pytest.raises(SourceError, match="nothing came in time"):
                for _ in range(100):
                    source.read()
            assert time.monotonic() - began_s < 5
        finally:
            camera.answering.set()
            source.close()


def test_a_stream_that_is_cut_off_raises() -> None:
    with MjpegCamera() as camera:
        source = MediaSource(camera.url, stall_s=5)
        try:
            source.read()
            camera.go_away()
            with pytest.raises(SourceError):
                for _ in range(100):
                    source.read()
        finally:
            source.close()


def test_a_recording_behind_an_address_is_played_at_its_own_rate(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", _TIMES)
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = MediaSource(f"http://127.0.0.1:{server.server_port}/clip.mp4", stall_s=5)
        try:
            assert source.timing == "paced"
            assert len(_all(source)) == len(_TIMES)
        finally:
            source.close()
            server.shutdown()


def test_files_without_a_picture_are_refused(tmp_path: Path) -> None:
    text, sound = tmp_path / "text.mp4", tmp_path / "sound.wav"
    text.write_text("not a video\n" * 100)
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    for path in (text, sound):
        with pytest.raises(SourceError, match="expected a video"):
            MediaSource(str(path), stall_s=5)


def test_a_truncated_file_is_played_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", list(range(0, 2000, 20)))
    part = tmp_path / "part.mkv"
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    source = MediaSource(str(part), stall_s=5)
    try:
        assert 20 < len(_all(source)) < 100
    finally:
        source.close()


@pytest.mark.parametrize("name", ["asl_book.mkv", "cockatoo.mp4"])
def test_real_clips_have_the_colors_that_opencv_reads(name: str) -> None:
    """Full range and 4:4:4 among them. OpenCV takes BT.601 for all, so the tolerance is wide."""
    import cv2

    path = str(shared(f"video/{name}"))
    source = MediaSource(path, stall_s=5)
    try:
        ours = source.read().picture.astype(int)
    finally:
        source.close()
    capture = cv2.VideoCapture(path)
    theirs = capture.read()[1][..., ::-1].astype(int)
    capture.release()
    assert np.abs(ours - theirs).mean() < 6


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("0", "device"),
        ("12", "device"),
        ("/dev/video0", "device"),
        ("/dev/v4l/by-id/usb-cam", "device"),
        ("http://cam/x.mjpg", "stream"),
        ("rtsp://user:pw@cam:554/h264", "stream"),
        ("test-pattern", "pattern"),
        ("clip.mp4", "file"),
        ("C:\\clips\\a.mp4", "file"),
        ("²", "file"),
    ],
)
def test_a_text_means_a_device_a_stream_a_pattern_or_a_file(source: str, kind: str) -> None:
    assert source_kind(source) == kind


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://user:pw@cam:554/h264", "rtsp://cam:554/h264"),
        ("http://cam/video?user=admin&pwd=geheim", "http://cam/video"),
        ("http://cam/video#geheim", "http://cam/video"),
        ("http://cam/x?mail=a@b&pw=geheim", "http://..."),
        ("clip.mp4", "clip.mp4"),
        ("/dev/video0", "/dev/video0"),
    ],
)
def test_a_name_leaves_out_what_could_be_secret(source: str, shown: str) -> None:
    assert public_name(source) == shown


_ANY = st.text(min_size=1, max_size=12)


@given(user=_ANY, phrase=_ANY, query=_ANY)
@example(user="me", phrase="p@/?#ss", query="k=@")
@example(user="me", phrase="/", query="@/")
def test_no_password_is_ever_shown_whatever_its_characters(user: str, phrase: str, query: str) -> None:
    """The secrets are marked with a letter that stands nowhere else, and looked for by it."""
    source = f"rtsp://{user}:\u2020{phrase}\u2020@cam/h264?key=\u2021{query}\u2021"
    if "\u2020" in user + phrase + query or "\u2021" in user + phrase + query:
        return
    assert not {"\u2020", "\u2021"} & set(public_name(source))


def test_no_two_neighbours_of_the_pattern_are_alike_and_it_can_start_again() -> None:
    source = PatternSource((64, 48))
    frames = [source.read().picture for _ in range(300)]
    assert all(frame.shape == (48, 64, 3) for frame in frames)
    assert all((one != other).any() for one, other in itertools.pairwise(frames))
    source.rewind()
    np.testing.assert_array_equal(source.read().picture, frames[0])


def test_a_pattern_with_a_rate_has_a_clock() -> None:
    source = PatternSource((64, 48), fps=20)
    assert source.timing == "paced"
    assert [source.read().clock_s for _ in range(3)] == [0, 0.05, 0.1]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's)
        """Quiet."""
