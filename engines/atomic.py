"""Whole files: read within a limit of size, and written so that they appear complete or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from engines.errors import BadInputError, OutputError

__all__ = ["read_whole", "write_whole"]


def read_whole(path: Path, *, largest: int, error: type[BadInputError] = BadInputError) -> bytes:
    """The content of a regular file of at most `largest` bytes. Raises `error`, never anything else."""
    try:
        if path.exists() and not path.is_file():  # a device or a pipe might never end
            raise error(f"{path}: expected a file, this is none")
        size = path.stat().st_size
        if size > largest:
            raise error(f"{path}: expected at most {_size_text(largest)}, the file has {_size_text(size)}")
        return path.read_bytes()
    except OSError as reason:
        raise error(f"{path}: cannot be read: {reason.strerror or reason}") from reason
    except ValueError as reason:  # a name that no file can have, such as one with a zero byte in it
        raise error(f"{str(path)!r}: cannot be read: {reason}") from reason


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` under a temporary name in the same folder, then rename. Raises OutputError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _size_text(size: int) -> str:
    return f"{size / 2**20:.0f} MB" if size >= 2**20 else f"{size} bytes"
