"""Recordings of pictures that come live, and which encoders work here."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.contract import Picture
from engines.errors import BadInputError, OutputError
from realtime.tasks import BoundedQueue, Closed
from realtime.video.encoders import CODECS
from realtime.video.writer import EncoderReport, RecordingWriter, check_recording, encoder_reports
from rtstyle.api import stylize_video
from rtstyle.commands.options import error_text
from tests.realtime.video.clips import Clip, number_frame, number_of, pictures, psnr, scene, timestamps, write_clip
from tests.rtstyle.command import ROOT

_MS = 1_000_000
_SIZE = (64, 48)


def _record(path: Path, frames: list[Picture], stamps_ms: list[int], *, began_ns: int = 0) -> None:
    height, width = frames[0].shape[:2]
    writer = RecordingWriter(path, (width, height), replace=True)
    for frame, stamp in zip(frames, stamps_ms, strict=True):
        writer.write(frame, began_ns + stamp * _MS)
    writer.close()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gaps=st.lists(st.integers(1, 3000), min_size=0, max_size=40), began_ns=st.integers(0, 10**15))
def test_every_picture_has_the_time_at_which_it_was_taken(tmp_path: Path, gaps: list[int], began_ns: int) -> None:
    stamps = list(itertools.accumulate(gaps, initial=0))
    _record(tmp_path / "out.mp4", [number_frame(n) for n in range(len(stamps))], stamps, began_ns=began_ns)
    assert timestamps(tmp_path / "out.mp4") == [Fraction(stamp, 1000) for stamp in stamps]
    assert [number_of(picture) for picture in pictures(tmp_path / "out.mp4")] == list(range(len(stamps)))


def test_pictures_with_one_time_or_an_earlier_one_stay_in_order(tmp_path: Path) -> None:
    _record(tmp_path / "out.mp4", [number_frame(n) for n in range(4)], [0, 0, -5, 40])
    times = timestamps(tmp_path / "out.mp4")
    assert times == [0, Fraction(1, 90_000), Fraction(2, 90_000), Fraction(40, 1000)]
    assert [number_of(picture) for picture in pictures(tmp_path / "out.mp4")] == [0, 1, 2, 3]


def test_colours_come_back_and_the_file_says_how_they_are_coded(tmp_path: Path) -> None:
    flat = np.full((48, 64, 3), (200, 60, 30), np.uint8)
    _record(tmp_path / "out.mp4", [flat, scene(0), scene(1)], [0, 40, 80])
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        frame = next(container.decode(video=0))
        assert (context.codec.canonical_name, context.pix_fmt, context.has_b_frames) == ("h264", "yuv420p", False)
        assert (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc) == (1, 1, 1, 1)
    made = pictures(tmp_path / "out.mp4")
    assert np.abs(made[0].astype(int) - flat).max() <= 4
    assert psnr(made[2], scene(1)) > 26


@pytest.mark.parametrize("size", [(63, 47), (63, 48), (64, 47)])
def test_odd_sizes_get_one_more_line_that_repeats_the_last(tmp_path: Path, size: tuple[int, int]) -> None:
    _record(tmp_path / "out.mp4", [scene(0, size)] * 2, [0, 40])
    made = pictures(tmp_path / "out.mp4")
    assert {picture.shape for picture in made} == {(48, 64, 3)}
    assert psnr(made[0][: size[1], : size[0]], scene(0, size)) > 26


def test_a_view_of_a_larger_picture_is_recorded_as_it_looks(tmp_path: Path) -> None:
    large = scene(0, (128, 48))
    _record(tmp_path / "out.mp4", [large[:, ::2], large[:, ::-2]], [0, 40])
    made = pictures(tmp_path / "out.mp4")
    assert psnr(made[0], large[:, ::2]) > 26
    assert psnr(made[1], large[:, ::-2]) > 26


def test_a_picture_of_another_size_is_refused_and_the_recording_goes_on(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "out.mp4", _SIZE, replace=False)
    writer.write(scene(0), 0)
    with pytest.raises(BadInputError, match="expected pictures of 64x48, got 48x64"):
        writer.write(scene(0, (48, 64)), 40 * _MS)
    writer.write(scene(1), 80 * _MS)
    writer.close()
    assert timestamps(tmp_path / "out.mp4") == [0, Fraction(80, 1000)]


def test_the_name_appears_only_when_the_file_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    writer = RecordingWriter(path, _SIZE, replace=False)
    writer.write(scene(0), 0)
    assert not path.exists()
    assert writer.temporary.exists()
    writer.close()
    writer.close()
    assert [child.name for child in tmp_path.iterdir()] == ["out.mp4"]
    assert writer.frames == 1


def test_without_a_picture_there_is_no_file_and_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    RecordingWriter(path, _SIZE, replace=False).close()
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"mine")
    RecordingWriter(path, _SIZE, replace=True).close()
    assert path.read_bytes() == b"mine"


def test_a_file_that_came_meanwhile_is_left_alone_and_the_recording_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    writer = RecordingWriter(path, _SIZE, replace=False)
    writer.write(scene(0), 0)
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="came into being meanwhile: the recording is "):
        writer.close()
    assert path.read_bytes() == b"mine"
    assert timestamps(writer.temporary) == [0]


def test_an_abandoned_recording_stays_playable_under_its_temporary_name(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "out.mp4", _SIZE, replace=False)
    for number in range(200):
        writer.write(number_frame(number), number * 40 * _MS)
    writer.abandon()
    writer.abandon()
    writer.close()
    assert [child.name for child in tmp_path.iterdir()] == [writer.temporary.name]
    RecordingWriter(tmp_path / "empty.mp4", _SIZE, replace=False).abandon()
    assert [child.name for child in tmp_path.iterdir()] == [writer.temporary.name]
    numbers = [number_of(picture) for picture in pictures(writer.temporary)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 120


def test_targets_that_cannot_be_recorded_to_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "there.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    for name, why in [
        ("there.mp4", "exists already: choose another name, or pass --force"),
        ("out.avi", "an .mp4 file"),
        ("none/out.mp4", "no such folder"),
        ("folder.mp4", "is a folder"),
    ]:
        for refuse in (check_recording, lambda path, replace: RecordingWriter(path, _SIZE, replace=replace)):
            with pytest.raises(OutputError) as caught:
                refuse(tmp_path / name, replace=False)
            assert why in error_text(caught.value)
    check_recording(tmp_path / "there.mp4", replace=True)


def test_a_picture_that_no_player_takes_is_refused_before_there_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"out\.mp4: cannot be recorded: h264 allows .* would have 20000x64"):
        RecordingWriter(tmp_path / "out.mp4", (20000, 64), replace=False)
    assert list(tmp_path.iterdir()) == []


_RECORD_NOISE = """
import signal, sys
from pathlib import Path
import numpy as np
from engines.errors import OutputError
from realtime.video.writer import RecordingWriter
width, height = int(sys.argv[2]), int(sys.argv[3])
writer = RecordingWriter(Path(sys.argv[1]), (width, height), replace=False)
if sys.argv[4] == "full":
    import resource
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
noise = np.random.default_rng(0)
try:
    for number in range(400 if sys.argv[4] == "full" else 200):
        writer.write(noise.integers(0, 255, (height, width, 3), dtype=np.uint8), number * 40_000_000)
    if sys.argv[4] == "full":
        writer.close()
except OutputError as error:
    writer.abandon()
    print(error)
else:
    print("ready", flush=True)
    sys.stdin.read()
"""
"""OUT WIDTH HEIGHT full|killed: a recording on a full disk, or one that waits to be killed."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs limits on the size of files")
def test_a_full_disk_gives_one_line_and_keeps_what_can_be_played(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the full disk: the writes fail in the same place."""
    done = subprocess.run(
        [sys.executable, "-c", _RECORD_NOISE, str(tmp_path / "out.mp4"), "320", "240", "full"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )
    (left,) = tmp_path.iterdir()
    line = f"{tmp_path / 'out.mp4'}: cannot be recorded: File too large; what was recorded is in {left}\n"
    assert (done.stdout, done.stderr) == (line, "")
    assert left.name.startswith(".out.")


def test_what_was_recorded_before_a_kill_can_be_played(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _RECORD_NOISE, str(tmp_path / "out.mp4"), "64", "48", "killed"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin, child.stdout:
        assert child.stdout.readline() == "ready\n"
        child.kill()
        child.wait()
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".out.")
    assert left.suffix == ".mp4"
    assert len(timestamps(left)) >= 120


def test_a_recorder_with_a_bounded_queue_before_the_writer_loses_nothing(tmp_path: Path) -> None:
    """As `cam` uses it: one thread owns the writer, another one offers pictures with their times."""
    queue: BoundedQueue[tuple[Picture, int]] = BoundedQueue(4)

    def record() -> None:
        writer = RecordingWriter(tmp_path / "out.mp4", _SIZE, replace=False)
        while True:
            try:
                writer.write(*queue.get())
            except Closed:
                break
        writer.close()

    thread = threading.Thread(target=record, name="rtstyle-record")
    thread.start()
    for number in range(60):
        queue.put((number_frame(number), number * 33 * _MS))
    queue.close()
    thread.join()
    assert timestamps(tmp_path / "out.mp4") == [Fraction(33 * number, 1000) for number in range(60)]
    assert [number_of(picture) for picture in pictures(tmp_path / "out.mp4")] == list(range(60))


@pytest.fixture(scope="module")
def reports() -> dict[str, EncoderReport]:
    return {report.name: report for report in encoder_reports()}


def test_every_encoder_has_a_report_and_those_of_the_cpu_can_be_used(reports: dict[str, EncoderReport]) -> None:
    assert set(reports) == {encoder.name for encoder in CODECS.values()}
    for report in reports.values():
        assert report.usable == (report.text == "")
        if report.device is None:
            assert report.usable
        elif not report.usable:
            assert report.device in report.text or "encodes nothing" in report.text
            assert "--codec" not in report.text
            assert "\n" not in report.text


def test_a_report_is_true_for_hardware(
    reports: dict[str, EncoderReport], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(n, (256, 256)) for n in range(2)]))
    for name in ("h264_nvenc", "h264_vaapi"):
        try:
            stylize_video(clip, tmp_path / f"{name}.mp4", codec=name)
        except OutputError:
            assert not reports[name].usable
        else:
            assert reports[name].usable
    assert capfd.readouterr().err == ""
