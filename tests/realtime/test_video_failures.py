"""Whatever goes wrong ends in one clear line, and nothing half-written is left."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from engines.errors import BackendError, BadInputError, OutputError, RtStyleError, SourceError
from rtstyle.commands.options import error_text
from tests.conftest import shared
from tests.realtime.video.clips import Clip, number_frame, number_of, pictures, run, scene, timestamps, tone, write_clip


def _clip(path: Path, count: int = 10, **options: Any) -> Path:
    return write_clip(path, Clip(pictures=[number_frame(n) for n in range(count)], **options))


def _refused(kind: type[RtStyleError], text: str, source: Path, target: Path, **options: Any) -> None:
    """The job is refused in one line with `text` in it, and leaves no file behind."""
    folder = target.parent
    before = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else None
    with pytest.raises(kind) as caught:
        run(source, target, **options)
    assert text in error_text(caught.value)
    assert "\n" not in error_text(caught.value)
    if before is not None:
        assert sorted(p.name for p in folder.iterdir()) == before


def test_a_missing_input(tmp_path: Path) -> None:
    _refused(SourceError, "there is no such file", tmp_path / "none.mp4", tmp_path / "out.mp4")


def test_a_folder_as_input(tmp_path: Path) -> None:
    _refused(SourceError, "got a folder", tmp_path, tmp_path / "out.mp4")


@pytest.mark.parametrize("content", [b"", b"this is no video\n" * 100, b"\x00" * 5000])
def test_a_file_that_is_no_video(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(content)
    _refused(SourceError, "expected a video file", source, tmp_path / "out.mp4")


def test_a_picture_is_sent_to_rtstyle_image(tmp_path: Path) -> None:
    from PIL import Image

    for ending in ("png", "jpg", "webp"):
        Image.fromarray(scene(0)).save(tmp_path / f"in.{ending}")
        _refused(SourceError, "rtstyle image", tmp_path / f"in.{ending}", tmp_path / "out.mp4")


def test_sound_without_video(tmp_path: Path) -> None:
    source = tmp_path / "in.m4a"
    with av.open(str(source), "w", format="mp4") as container:
        tone()(container)()
    _refused(SourceError, "there is no video stream in it", source, tmp_path / "out.mp4")


def test_an_existing_output_is_kept_without_force(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"precious")
    _refused(OutputError, "use --force", _clip(tmp_path / "in.mp4"), target)
    assert target.read_bytes() == b"precious"
    run(tmp_path / "in.mp4", target, overwrite=True)
    assert len(timestamps(target)) == 10


def test_an_existing_output_is_kept_until_the_new_one_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"precious")
    with pytest.raises(BackendError):
        run(_clip(tmp_path / "in.mp4"), target, overwrite=True, backend="onnxruntime", engine=_impossible())
    assert target.read_bytes() == b"precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def _impossible() -> Any:
    from engines.contract import EngineOptions

    return EngineOptions(precision="bf16")


@pytest.mark.parametrize("link", [False, True])
def test_the_input_as_output(tmp_path: Path, link: bool) -> None:
    source = _clip(tmp_path / "in.mp4")
    target = source
    if link:
        target = tmp_path / "link.mp4"
        target.symlink_to(source)
    content = source.read_bytes()
    _refused(BadInputError, "would overwrite the input", source, target, overwrite=True)
    assert source.read_bytes() == content


def test_an_output_ending_that_is_not_known(tmp_path: Path) -> None:
    _refused(BadInputError, "ends in .mp4, .m4v, .mov, .mkv, .webm", _clip(tmp_path / "in.mp4"), tmp_path / "out.avi")


def test_an_output_folder_that_is_not_there(tmp_path: Path) -> None:
    _refused(OutputError, "there is no folder", _clip(tmp_path / "in.mp4"), tmp_path / "none" / "out.mp4")


def test_an_output_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):  # root may write anywhere but here
        folder = Path("/proc")
        if not folder.is_dir():
            pytest.skip("needs a folder that cannot be written")
    with pytest.raises(OutputError, match=r"out\.mp4: cannot be written: "):
        run(_clip(tmp_path / "in.mp4"), folder / "out.mp4")


def test_codecs_that_do_not_exist_or_do_not_fit(tmp_path: Path) -> None:
    source = _clip(tmp_path / "in.mp4")
    _refused(BadInputError, "did you mean h264?", source, tmp_path / "out.mp4", codec="h265x")
    _refused(BadInputError, "a webm file takes vp9 or av1", source, tmp_path / "out.webm", codec="h264")
    _refused(BadInputError, "--crf for libx264 is 0 (best) to 51, got 52", source, tmp_path / "out.mp4", crf=52)
    _refused(BadInputError, "did you mean medium?", source, tmp_path / "out.mp4", preset="mediun")


@pytest.mark.parametrize("codec", ["h264_nvenc", "h264_vaapi", "h264_qsv", "h264_videotoolbox"])
def test_a_hardware_encoder_works_or_says_what_it_needs(tmp_path: Path, codec: str) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(n, (256, 256)) for n in range(5)]))
    failure = ""
    try:
        run(source, tmp_path / "out.mp4", codec=codec)
    except OutputError as error:
        failure = error_text(error)
    if failure:
        assert re.search(r"it needs .*: try --codec h264$", failure)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4"]
    else:
        assert timestamps(tmp_path / "out.mp4") == timestamps(source)


@pytest.mark.parametrize(("codec", "ending"), [("hevc", ".mp4"), ("av1", ".mkv"), ("vp9", ".webm")])
def test_the_other_codecs_keep_every_frame_and_timestamp(tmp_path: Path, codec: str, ending: str) -> None:
    source = _clip(tmp_path / "in.mkv", 12)
    run(source, tmp_path / f"out{ending}", codec=codec)
    assert timestamps(tmp_path / f"out{ending}") == timestamps(source)
    assert [number_of(p) for p in pictures(tmp_path / f"out{ending}")] == list(range(12))


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """A limit on the size of files ends writing in the middle, as a full disk does."""
    resource = pytest.importorskip("resource")
    source = write_clip(tmp_path / "in.mp4", Clip(pictures=[scene(n, (320, 240)) for n in range(60)]))
    script = (
        "import sys\nfrom pathlib import Path\nfrom engines.errors import OutputError\n"
        "from tests.realtime.video.clips import run\n"
        "try:\n    run(Path(sys.argv[1]), Path(sys.argv[2]), crf=0)\n"
        "except OutputError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(source), str(tmp_path / "out.mp4")],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert done.stdout == f"{tmp_path / 'out.mp4'}: cannot be written: File too large\n"
    assert done.stderr == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4"]


def test_a_truncated_mp4_without_its_index(tmp_path: Path) -> None:
    content = _clip(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "in.mp4").write_bytes(content[: len(content) // 2])
    _refused(SourceError, "cannot be read as one", tmp_path / "in.mp4", tmp_path / "out.mp4")


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_truncated_video_is_painted_as_far_as_it_goes(tmp_path: Path, ending: str) -> None:
    options = {"movflags": "+faststart"} if ending == ".mp4" else {}
    whole = write_clip(
        tmp_path / f"whole{ending}",
        Clip(pictures=[scene(n) for n in range(90)], options={"crf": "1", "g": "10"}, container_options=options),
    )
    source = tmp_path / f"in{ending}"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    summary = run(source, tmp_path / "out.mp4")
    assert summary.incomplete is not None
    assert re.fullmatch(r"\d+ of 90 frames could be read|\d\.\d of 3\.0 s could be read", summary.incomplete)
    times = timestamps(tmp_path / "out.mp4")
    assert 45 <= len(times) == summary.frames < 75
    assert times == timestamps(whole)[: len(times)]


def test_a_truncated_real_clip_is_noticed(tmp_path: Path) -> None:
    whole = shared("video/pancake.mkv")
    (tmp_path / "in.mkv").write_bytes(whole.read_bytes()[:200_000])
    summary = run(tmp_path / "in.mkv", tmp_path / "out.mkv")
    assert summary.incomplete is not None
    assert summary.incomplete.endswith("of 10.4 s could be read")
    assert timestamps(tmp_path / "out.mkv") == timestamps(whole)[: summary.frames]


def test_damage_in_the_middle_is_passed_over_with_a_notice(tmp_path: Path) -> None:
    clip = Clip(pictures=[number_frame(n) for n in range(60)], options={"crf": "1", "g": "10", "bf": "0"})
    content = bytearray(write_clip(tmp_path / "whole.mp4", clip).read_bytes())
    with av.open(str(tmp_path / "whole.mp4")) as container:
        hit = [p for p in container.demux(video=0) if p.size][25]
        assert hit.pos is not None
        content[hit.pos : hit.pos + hit.size] = b"\xff" * hit.size
    (tmp_path / "in.mp4").write_bytes(content)
    summary = run(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert summary.incomplete is None
    assert any(re.fullmatch(r"passed over damaged places: \d+", text) for text in summary.notices)
    assert 55 <= summary.frames <= 60
    assert number_of(pictures(tmp_path / "out.mp4")[-1]) == 59
