from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from engines.errors import OutputError
from realtime.live.paint import Painted
from realtime.live.recorder import Recorder
from realtime.live.snapshot import free_path, save_snapshot
from realtime.live.source import LiveFrame

_SIZE = (64, 48)


def _painted(stamp_ms: int, *, again: bool = False) -> Painted:
    picture = np.full((_SIZE[1], _SIZE[0], 3), 100, np.uint8)
    stamp = stamp_ms * 1_000_000
    frame = LiveFrame(number=1, picture=picture, picture_id=1, captured_ns=stamp, ready_ns=stamp)
    return Painted(frame=frame, original=picture, picture=picture, painted_ns=stamp, again=again)


@contextmanager
def _working() -> Iterator[Recorder]:
    recorder = Recorder(_SIZE)
    thread = threading.Thread(target=recorder.work)
    thread.start()
    try:
        yield recorder
    finally:
        recorder.close()
        thread.join()


def _times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        base = container.streams.video[0].time_base
        assert base is not None
        return [frame.pts * base for frame in container.decode(video=0) if frame.pts is not None]


def test_recordings_can_be_switched_on_and_off_and_each_begins_at_zero(tmp_path: Path) -> None:
    with _working() as recorder:
        recorder.offer(_painted(0))
        recorder.start(tmp_path / "a.mp4")
        for stamp in (100, 140, 190):
            recorder.offer(_painted(stamp))
        recorder.stop()
        recorder.offer(_painted(300))
        recorder.start(tmp_path / "b.mp4")
        recorder.offer(_painted(900))
        recorder.offer(_painted(950, again=True))
        recorder.offer(_painted(1000))
    assert _times(tmp_path / "a.mp4") == [0, Fraction(40, 1000), Fraction(90, 1000)]
    assert _times(tmp_path / "b.mp4") == [0, Fraction(100, 1000)]
    assert list(recorder.paths) == [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    assert (recorder.frames, recorder.dropped, recorder.error) == (5, 0, None)


def test_an_encoder_that_falls_behind_drops_and_counts_and_never_blocks(tmp_path: Path) -> None:
    recorder = Recorder(_SIZE)
    recorder.start(tmp_path / "a.mp4")
    for number in range(50):
        recorder.offer(_painted(number * 20))  # nobody works yet
    recorder.close()
    recorder.work()
    assert recorder.frames == 16
    assert recorder.dropped == 34
    assert len(_times(tmp_path / "a.mp4")) == 16


def test_a_file_that_exists_is_not_recorded_over(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"mine")
    with _working() as recorder, pytest.raises(OutputError, match="exists already"):
        recorder.start(tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == b"mine"


def test_an_error_ends_the_recording_and_is_kept_for_whoever_looks(tmp_path: Path) -> None:
    with _working() as recorder:
        recorder.start(tmp_path / "a.mp4")
        recorder.offer(_painted(0))
        (tmp_path / "a.mp4").write_bytes(b"mine")
    assert recorder.error is not None
    assert "came into being" in str(recorder.error)
    assert not recorder.paths


def test_snapshots_hold_the_picture_bit_for_bit_and_never_replace_one_another(tmp_path: Path) -> None:
    pictures = [np.random.default_rng(n).integers(0, 255, (48, 64, 3), dtype=np.uint8) for n in range(4)]
    paths = [save_snapshot(picture, tmp_path) for picture in pictures]
    assert len(set(paths)) == 4
    for path, picture in zip(paths, pictures, strict=True):
        np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], picture)


def test_a_snapshot_into_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        save_snapshot(np.zeros((48, 64, 3), np.uint8), tmp_path / "gone")
    assert free_path(tmp_path, ".mp4").parent == tmp_path
