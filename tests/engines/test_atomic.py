from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from engines.atomic import read_whole, write_whole
from engines.errors import BadInputError, OutputError, StyleFileError


def test_a_file_appears_with_its_folder_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["file.bin"]


def test_a_write_that_fails_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.mkdir()  # a folder cannot be replaced by a file
    with pytest.raises(OutputError, match=r"file\.bin: cannot be written"):
        write_whole(path, b"one")
    assert os.listdir(tmp_path) == ["file.bin"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_an_output_error_and_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.bin"
    write_whole(path, b"old")
    monkeypatch.setattr(os, "getpid", lambda: 7)
    Path(tmp_path / f".file.bin.7-{threading.get_ident()}.part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    contents = [bytes([number]) * 4_000_000 for number in range(2)]
    write_whole(path, contents[0])
    done = threading.Event()

    def write() -> None:
        for number in range(30):
            write_whole(path, contents[number % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while not done.is_set():
        assert path.read_bytes() in contents
        seen += 1
    writer.join()
    assert seen


def test_threads_that_write_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    failures: list[BaseException] = []

    def write(byte: int) -> None:
        try:
            for _ in range(50):
                write_whole(path, bytes([byte]) * 10_000)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(byte,)) for byte in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(set(path.read_bytes())) == 1
    assert os.listdir(tmp_path) == ["file.bin"]


def test_reading_gives_the_content_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(bytes(10))
    assert read_whole(path, largest=10) == bytes(10)
    with pytest.raises(BadInputError, match="expected at most 9 bytes, the file has 10 bytes"):
        read_whole(path, largest=9)


def test_reading_what_is_no_file_raises_the_error_that_was_asked_for(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", Path("a\0b"), Path("x" * 5000), Path(os.devnull)):
        with pytest.raises(StyleFileError):
            read_whole(path, largest=10, error=StyleFileError)
