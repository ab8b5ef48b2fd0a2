"""What the processor's own energy counters say, where they can be read: Linux on x86, and mostly only for root."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["Rapl"]

_FOLDER = Path("/sys/class/powercap")


class Rapl:
    """Counters of all processor packages (Running Average Power Limit; AMD's have the same names as Intel's).

    The zones inside a package and the whole platform's zone are left out: they count the same energy again.
    """

    def __init__(self, folder: Path = _FOLDER) -> None:
        self._zones: list[_Zone] = []
        for path in sorted(folder.glob("intel-rapl:*")):
            with suppress(OSError, ValueError):  # not for this user: then there is no reading
                if (path / "name").read_text(encoding="ascii").startswith("package"):
                    self._zones.append(_Zone(path))

    def joules(self) -> float | None:
        """Energy since this object was made; None where no counter can be read. To be asked once a minute or more."""
        try:
            return sum(zone.joules() for zone in self._zones) if self._zones else None
        except (OSError, ValueError):
            return None


class _Zone:
    def __init__(self, folder: Path) -> None:
        self._counter = folder / "energy_uj"
        self._range_uj = _number(folder / "max_energy_range_uj")
        self._last_uj = _number(self._counter)
        self._total_uj = 0

    def joules(self) -> float:
        now_uj = _number(self._counter)
        passed = now_uj - self._last_uj
        self._total_uj += passed if passed >= 0 else passed + self._range_uj  # the counter begins again at 0
        self._last_uj = now_uj
        return self._total_uj / 1e6


def _number(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))
