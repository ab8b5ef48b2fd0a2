"""The cache folder: compiled nets, so that a second start need not compile, and how long nets take on this machine."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import platformdirs

from engines.atomic import read_whole, write_whole
from engines.errors import BadInputError, OutputError

__all__ = ["KEPT_S", "NetTimes", "cache_folder", "compiled_path", "read_compiled", "times_path", "write_compiled"]

KEPT_S = 30 * 24 * 3600
_FORMAT = 1
_MOST = 500
_LARGEST_TIMES = 2**22
_LARGEST_COMPILED = 2**31
_DIGEST_BYTES = 32

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where compiled nets are kept: RTSTYLE_CACHE, or the user's cache folder."""
    named = os.environ.get("RTSTYLE_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("rtstyle", appauthor=False)


def compiled_path(folder: Path, label: str, facts: Mapping[str, object]) -> Path:
    """Where a compiled net is kept. Every fact on which the result depends is in the name: none is ever stale.

    A file holds the SHA-256 of what follows, then what follows: the vendor's own bytes. Vendors notice a short file,
    but they load changed weights without a word.
    """
    return folder / f"{label}-{_key(facts)[:24]}.compiled"


def read_compiled(path: Path) -> bytes | None:
    """The vendor's bytes; None where there are none, or where the file is damaged."""
    if not path.exists():
        return None
    try:
        content = read_whole(path, largest=_LARGEST_COMPILED)
    except BadInputError as error:
        _log.warning("a compiled net is not used, the net is compiled anew: %s", error)
        return None
    body = content[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != content[:_DIGEST_BYTES]:
        _log.warning("%s: a compiled net is damaged and not used, the net is compiled anew", path)
        return None
    return body


def write_compiled(path: Path, body: bytes) -> None:
    """Keep a compiled net. A folder that cannot be written costs time at the next start, not this one."""
    try:
        write_whole(path, hashlib.sha256(body).digest() + body)
    except OutputError as error:
        _log.warning("the compiled net is not kept, each start compiles anew: %s", error)


def times_path(cache: Path) -> Path:
    """The file of `NetTimes` in a cache folder."""
    return cache / "net-times.json"


class NetTimes:
    """How long nets take for a frame here: one JSON file, read once and rewritten whole, so that nets are timed once.

    A time is filed under everything that it depends on: the nets' digests, the size, the backend with its version
    and device, the precision, the frames in flight, the CPU and its cores; a change of any of them makes another entry.
    It counts for 30 days: a machine that was busy on the first day, or has a new driver, gets another chance.
    `rtstyle engines clean` removes the file, `rtstyle doctor` times anew. A file that is damaged or cannot be written
    costs time, no run.
    """

    def __init__(self, cache: Path, notice: Callable[[str], None], *, clock: Callable[[], float] = time.time) -> None:
        """clock: seconds since 1970."""
        self._path, self._notice, self._clock = times_path(cache), notice, clock
        self._entries = self._read(say=True)
        self._new: dict[str, dict[str, Any]] = {}

    def recall(self, facts: Mapping[str, object]) -> float | None:
        """Milliseconds for a frame; None where they were never measured under these facts, or too long ago."""
        entry = self._entries.get(_key(facts)[:32])
        if entry is None or not 0 <= self._clock() - entry["measured_s"] <= KEPT_S:
            return None
        return float(entry["ms"])

    def remember(self, facts: Mapping[str, object], ms: float) -> None:
        """Take note; `save` writes it down. Facts are JSON values."""
        entry = {"ms": max(0.001, round(ms, 3)), "measured_s": int(self._clock()), "facts": dict(facts)}
        self._new[_key(facts)[:32]] = self._entries[_key(facts)[:32]] = entry

    def save(self) -> None:
        """Write what is new to what other processes may have written by now."""
        if not self._new:
            return
        entries = {**self._read(say=False), **self._new}
        newest = sorted(entries.items(), key=lambda item: float(item[1]["measured_s"]))[-_MOST:]
        text = json.dumps({"format": _FORMAT, "times": dict(newest)}, indent=1)
        try:
            write_whole(self._path, text.encode())
        except OutputError as error:
            self._notice(f"the nets' times are not kept, the next start measures again: {error.full_text}")
        self._new.clear()

    def _read(self, *, say: bool) -> dict[str, dict[str, Any]]:
        if not self._path.exists():
            return {}
        try:
            return _checked(json.loads(read_whole(self._path, largest=_LARGEST_TIMES)))
        except (BadInputError, ValueError, RecursionError) as error:
            if say:
                what = error.full_text if isinstance(error, BadInputError) else f"{self._path}: damaged"
                self._notice(f"the nets' times are not used and are measured anew: {what}")
            return {}


def _checked(content: object) -> dict[str, dict[str, Any]]:
    """The entries of a file. Raises ValueError for anything that `save` does not write."""
    times = content.get("times") if isinstance(content, dict) and content.get("format") == _FORMAT else None
    if not isinstance(times, dict):
        raise ValueError("no times of this format")
    for key, entry in times.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("facts"), dict) or key != _key(entry["facts"])[:32]:
            raise ValueError("an entry without its facts")
        for name, lowest in (("ms", 0.0), ("measured_s", -1.0)):
            value = entry.get(name)
            if not isinstance(value, int | float) or not lowest < value < math.inf:
                raise ValueError(f"an entry without {name}")
    return times


def _key(facts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
