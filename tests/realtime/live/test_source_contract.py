"""What holds for every source of live frames. A new one is a line in `_SOURCES`."""

from __future__ import annotations

import functools
import http.server
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from engines.errors import SourceError
from realtime.live.cameras import cameras, probe_camera
from realtime.live.frame import EndOfSource, LiveFrame, Source, Timing
from realtime.live.sources import open_source
from realtime.stats import now_ns
from tests.realtime.live.clips import write_clip
from tests.realtime.live.mjpeg import MjpegCamera

_PHRASE = "geheim"


@contextmanager
def _pattern(folder: Path) -> Iterator[Source]:  # noqa: ARG001 (only files have one)
    yield open_source("test-pattern", size=(64, 48))


@contextmanager
def _paced_pattern(folder: Path) -> Iterator[Source]:  # noqa: ARG001
    yield open_source("test-pattern", size=(64, 48), fps=20)


@contextmanager
def _file(folder: Path) -> Iterator[Source]:
    yield open_source(str(write_clip(folder / "clip.mkv", [0, 40, 45, 200, 233, 500])), loop=True)


@contextmanager
def _network_camera(folder: Path) -> Iterator[Source]:  # noqa: ARG001
    with MjpegCamera(size=(64, 48), login=f"me:{_PHRASE}") as camera:
        yield open_source(camera.url)


@contextmanager
def _network_file(folder: Path) -> Iterator[Source]:
    write_clip(folder / "clip.mp4", list(range(0, 240, 40)))
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield open_source(f"http://me:{_PHRASE}@127.0.0.1:{server.server_port}/clip.mp4?key={_PHRASE}")
        finally:
            server.shutdown()


@contextmanager
def _camera(folder: Path) -> Iterator[Source]:  # noqa: ARG001
    usable = [camera for camera in cameras() if probe_camera(camera.path)]
    if not usable:
        pytest.skip("needs a camera")
    yield open_source(usable[0].source)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's)
        """Quiet."""


_SOURCES: list[Callable[[Path], object]] = [
    _pattern,
    _paced_pattern,
    _file,
    _network_camera,
    _network_file,
    _camera,
]


@pytest.fixture(params=_SOURCES, ids=lambda make: make.__name__.strip("_"))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    with request.param(tmp_path) as opened:
        try:
            yield opened
        finally:
            opened.close()


def _some(source: Source, most: int) -> list[LiveFrame]:
    frames = []
    try:
        while len(frames) < most:
            frames.append(source.read())
    except EndOfSource:
        assert source.timing == "paced"
    return frames


def test_a_source_says_what_it_is_and_keeps_secrets(source: Source) -> None:
    assert source.timing in get_args(Timing)
    assert source.rate is None or 1 <= source.rate <= 1000
    assert source.name
    assert _PHRASE not in source.name


def test_frames_are_rgb_pictures_with_the_time_at_which_they_came(source: Source) -> None:
    began_ns = now_ns()
    frames = _some(source, 4)
    assert len(frames) == 4
    for frame in frames:
        assert (frame.picture.dtype, frame.picture.ndim, frame.picture.shape[2]) == (np.uint8, 3, 3)
        assert began_ns <= frame.captured_ns <= now_ns()
    stamps = [frame.captured_ns for frame in frames]
    assert stamps == sorted(stamps)
    clocks = [frame.clock_s for frame in frames]
    if source.timing == "paced":
        assert None not in clocks
    assert all(one is None or other is None or one <= other for one, other in itertools.pairwise(clocks))


def test_a_picture_belongs_to_the_caller(source: Source) -> None:
    first = source.read().picture
    kept = first.copy()
    second = source.read().picture
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)
    second[:] = 7  # as a caller may
    assert not (source.read().picture == 7).all()


def test_what_is_not_live_starts_again_and_what_is_live_says_that_it_cannot(source: Source) -> None:
    if source.timing == "live":
        with pytest.raises(SourceError):
            source.rewind()
        return
    first = [frame.picture for frame in _some(source, 6)]
    source.rewind()
    again = [frame.picture for frame in _some(source, 6)]
    assert len(first) == len(again) == 6
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_close_twice_is_harmless(source: Source) -> None:
    source.read()
    source.close()
    source.close()
