from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.errors import OutputError
from realtime.live.frame import LiveFrame
from realtime.live.record import Recorder, free_path, save_snapshot
from realtime.tasks import TaskGroup
from realtime.video.writer import RecordingWriter, check_recording

_MS = 1_000_000
_SIZE = (64, 48)


def _picture(value: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    return np.full((size[1], size[0], 3), value, np.uint8)


def _times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        base = container.streams.video[0].time_base
        assert base is not None
        return [frame.pts * base for frame in container.decode(video=0) if frame.pts is not None]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gaps=st.lists(st.integers(1, 3000), min_size=0, max_size=40), began_ns=st.integers(0, 10**15))
def test_every_picture_has_the_time_at_which_it_was_taken(tmp_path: Path, gaps: list[int], began_ns: int) -> None:
    stamps = list(itertools.accumulate(gaps, initial=0))
    path = tmp_path / "out.mp4"
    writer = RecordingWriter(path, (64, 48), replace=True)
    for stamp in stamps:
        writer.write(_picture(100), began_ns + stamp * _MS)
    writer.close()
    assert _times(path) == [Fraction(stamp, 1000) for stamp in stamps]


def test_pictures_with_one_time_stay_in_order(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "out.mp4", (64, 48), replace=False)
    for stamp in (0, 0, -5 * _MS, 40 * _MS):
        writer.write(_picture(100), stamp)
    writer.close()
    times = _times(tmp_path / "out.mp4")
    assert times == sorted(set(times))
    assert times[-1] == Fraction(40, 1000)


def test_colors_come_back_and_the_file_says_how_they_are_coded(tmp_path: Path) -> None:
    picture = _picture(0)
    picture[:] = (200, 60, 30)
    writer = RecordingWriter(tmp_path / "out.mp4", (64, 48), replace=False)
    for number in range(3):
        writer.write(picture, number * 40 * _MS)
    writer.close()
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc) == (1, 1, 1, 1)
        back = frame.to_ndarray(format="rgb24").astype(int)
    assert np.abs(back - (200, 60, 30)).max() <= 4


def test_odd_sizes_get_one_more_line(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "out.mp4", (63, 47), replace=False)
    writer.write(_picture(90, (63, 47)), 0)
    writer.close()
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert {(frame.width, frame.height) for frame in container.decode(video=0)} == {(64, 48)}


def test_the_name_appears_only_when_the_file_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    writer = RecordingWriter(path, (64, 48), replace=False)
    writer.write(_picture(90), 0)
    assert not path.exists()
    writer.close()
    writer.close()
    assert [child.name for child in tmp_path.iterdir()] == ["out.mp4"]


def test_without_a_picture_there_is_no_file(tmp_path: Path) -> None:
    RecordingWriter(tmp_path / "out.mp4", (64, 48), replace=False).close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_meanwhile_is_left_alone_and_the_recording_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    writer = RecordingWriter(path, (64, 48), replace=False)
    writer.write(_picture(90), 0)
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="came into being"):
        writer.close()
    assert path.read_bytes() == b"mine"
    assert _times(writer.temporary) == [0]


def test_targets_that_cannot_be_written_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "there.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    for name, why in [
        ("there.mp4", "exists already.*`overwrite`"),
        ("out.avi", r"an \.mp4 file"),
        ("none/out.mp4", "no such folder"),
        ("folder.mp4", "is a folder"),
    ]:
        with pytest.raises(OutputError) as caught:
            check_recording(tmp_path / name, replace=False)
        assert re.search(why, f"{caught.value}: {caught.value.hint}")
    check_recording(tmp_path / "there.mp4", replace=True)


def test_a_full_disk_gives_one_line_and_keeps_what_can_be_played(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the full disk: the writes fail in the same place."""
    code = f"""
import resource, signal
import numpy as np
from pathlib import Path
from engines.errors import OutputError
from realtime.video.writer import RecordingWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = RecordingWriter(Path({str(tmp_path / "out.mp4")!r}), (320, 240), replace=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
noise = np.random.default_rng(0)
try:
    for number in range(400):
        writer.write(noise.integers(0, 255, (240, 320, 3), dtype=np.uint8), number * 20_000_000)
    writer.close()
except OutputError as error:
    writer.abandon()
    print(error)
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("needs limits on the size of files")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "cannot be recorded: File too large" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert not (tmp_path / "out.mp4").exists()


def test_what_was_recorded_before_a_kill_can_be_played(tmp_path: Path) -> None:
    code = f"""
import sys, time
import numpy as np
from pathlib import Path
from realtime.video.writer import RecordingWriter
writer = RecordingWriter(Path({str(tmp_path / "out.mp4")!r}), (64, 48), replace=False)
noise = np.random.default_rng(0)
for number in range(200):
    writer.write(noise.integers(0, 255, (48, 64, 3), dtype=np.uint8), number * 40_000_000)
print("ready", flush=True)
time.sleep(60)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == "ready\n"
        os.kill(child.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        child.wait()
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".out.")
    assert len(_times(left)) >= 60


def _painted(stamp_ms: int, *, again: bool = False) -> LiveFrame:
    picture = np.full((_SIZE[1], _SIZE[0], 3), 100, np.uint8)
    stamp = stamp_ms * 1_000_000
    frame = LiveFrame(picture=picture, captured_ns=stamp, again=again)
    frame.result = picture
    return frame


@contextmanager
def _working(folder: Path, told: list[OutputError] | None = None) -> Iterator[Recorder]:
    """At the end everything that was offered is written; raises what `work` raises."""
    recorder = Recorder(_SIZE, folder=folder, tell=(told if told is not None else []).append)
    with TaskGroup() as tasks:
        tasks.start("record", recorder.work)
        try:
            yield recorder
        finally:
            recorder.close()
            tasks.wait()


def test_recordings_can_be_switched_on_and_off_and_each_begins_at_zero(tmp_path: Path) -> None:
    told: list[OutputError] = []
    with _working(tmp_path, told) as recorder:
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
    assert (recorder.frames, recorder.dropped, told) == (5, 0, [])


def test_results_of_another_size_are_fitted(tmp_path: Path) -> None:
    with _working(tmp_path) as recorder:
        recorder.start(tmp_path / "a.mp4")
        recorder.offer(_painted(0))
        large = _painted(40)
        large.result = _picture(90, (200, 100))
        recorder.offer(large)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert [(frame.width, frame.height) for frame in container.decode(video=0)] == [_SIZE, _SIZE]


def test_an_encoder_that_falls_behind_drops_and_counts_and_never_blocks(tmp_path: Path) -> None:
    recorder = Recorder(_SIZE, folder=tmp_path, tell=print)
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
    with _working(tmp_path) as recorder, pytest.raises(OutputError, match="exists already"):
        recorder.start(tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == b"mine"


def test_an_error_ends_the_recording_and_is_told(tmp_path: Path) -> None:
    told: list[OutputError] = []
    with _working(tmp_path, told) as recorder:
        recorder.start(tmp_path / "a.mp4")
        recorder.offer(_painted(0))
        (tmp_path / "a.mp4").write_bytes(b"mine")
    (error,) = told
    assert "came into being" in str(error)
    assert not recorder.paths


def test_an_error_of_a_recording_that_is_required_ends_the_work_and_one_after_it_does_not(tmp_path: Path) -> None:
    told: list[OutputError] = []
    with pytest.raises(OutputError, match="came into being"), _working(tmp_path, told) as recorder:
        recorder.start(tmp_path / "a.mp4", required=True)
        recorder.offer(_painted(0))
        (tmp_path / "a.mp4").write_bytes(b"mine")
    assert not recorder.paths
    with _working(tmp_path, told) as recorder:
        recorder.start(tmp_path / "b.mp4", required=True)
        recorder.offer(_painted(0))
        recorder.stop()
        recorder.start(tmp_path / "c.mp4")
        recorder.offer(_painted(0))
        (tmp_path / "c.mp4").write_bytes(b"mine")
    assert list(recorder.paths) == [tmp_path / "b.mp4"]
    assert len(told) == 1


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
