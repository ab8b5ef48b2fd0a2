"""How long nets take for a frame here, kept in the cache folder so that each is timed once.

One JSON file. A time is found again by everything that it depends on: the nets' digests, the size, the backend with its
version and device, the precision, the frames in flight, the CPU and its cores; a change of any of them is another
entry. It counts for 30 days: a machine that was busy on the first day, or has a new driver, gets another chance.
`rtstyle engines clean` removes the file, `rtstyle doctor` times anew.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engines.atomic import read_whole, write_whole
from engines.errors import BadInputError, OutputError

__all__ = ["KEPT_S", "NetTimes", "times_path"]

KEPT_S = 30 * 24 * 3600
_FORMAT = 1
_MOST = 500
_LARGEST = 2**22


def times_path(cache: Path) -> Path:
    """The file in a cache folder."""
    return cache / "net-times.json"


class NetTimes:
    """The file, read once and written anew whole. A file that is damaged or cannot be written costs time, no run."""

    def __init__(self, cache: Path, notice: Callable[[str], None], *, clock: Callable[[], float] = time.time) -> None:
        """clock: seconds since 1970."""
        self._path, self._notice, self._clock = times_path(cache), notice, clock
        self._entries = self._read(say=True)
        self._new: dict[str, dict[str, Any]] = {}

    def recall(self, facts: Mapping[str, object]) -> float | None:
        """Milliseconds for a frame; None where they were never measured under these facts, or too long ago."""
        entry = self._entries.get(_key(facts))
        if entry is None or not 0 <= self._clock() - entry["measured_s"] <= KEPT_S:
            return None
        return float(entry["ms"])

    def remember(self, facts: Mapping[str, object], ms: float) -> None:
        """Take note; `save` writes it down. Facts are JSON values."""
        entry = {"ms": max(0.001, round(ms, 3)), "measured_s": int(self._clock()), "facts": dict(facts)}
        self._new[_key(facts)] = self._entries[_key(facts)] = entry

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
            self._notice(f"the nets' times are not kept, the next start measures again: {error}")
        self._new.clear()

    def _read(self, *, say: bool) -> dict[str, dict[str, Any]]:
        if not self._path.exists():
            return {}
        try:
            return _checked(json.loads(read_whole(self._path, largest=_LARGEST)))
        except (BadInputError, ValueError, RecursionError) as error:
            if say:
                what = str(error) if isinstance(error, BadInputError) else f"{self._path}: damaged"
                self._notice(f"the nets' times are not used and are measured anew: {what}")
            return {}


def _key(facts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _checked(content: object) -> dict[str, dict[str, Any]]:
    """The entries of a file. Raises ValueError for anything that `save` does not write."""
    times = content.get("times") if isinstance(content, dict) and content.get("format") == _FORMAT else None
    if not isinstance(times, dict):
        raise ValueError("no times of this format")
    for key, entry in times.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("facts"), dict) or key != _key(entry["facts"]):
            raise ValueError("an entry without its facts")
        for name, lowest in (("ms", 0.0), ("measured_s", -1.0)):
            value = entry.get(name)
            if not isinstance(value, int | float) or not lowest < value < math.inf:
                raise ValueError(f"an entry without {name}")
    return times
