from __future__ import annotations

import time
from pathlib import Path

import av
import numpy as np
import pytest

from engines.errors import SourceError
from realtime.live.media import MediaSource
from realtime.live.source import EndOfSource, Grab, plausible_rate
from tests.conftest import shared
from tests.realtime.live.clips import write_clip
from tests.realtime.live.mjpeg import MjpegCamera

_TIMES = [0, 40, 45, 200, 233, 500]


def _all(source: MediaSource) -> list[Grab]:
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
    import functools
    import http.server
    import threading

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


class _Quiet(__import__("http.server").server.SimpleHTTPRequestHandler):  # type: ignore[name-defined,misc]
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's)
        """Quiet."""
