from __future__ import annotations

from pathlib import Path

from benchmarks.monitoring import Rapl

_RANGE_UJ = 1_000_000_000


def _zone(folder: Path, zone: str, name: str, energy_uj: int) -> Path:
    """A zone as the kernel shows it (docs.kernel.org/power/powercap)."""
    path = folder / zone
    path.mkdir()
    (path / "name").write_text(f"{name}\n")
    (path / "max_energy_range_uj").write_text(f"{_RANGE_UJ}\n")
    (path / "energy_uj").write_text(f"{energy_uj}\n")
    return path


def test_packages_are_added_up_and_their_parts_and_the_platform_are_not(tmp_path: Path) -> None:
    packages = [_zone(tmp_path, f"intel-rapl:{n}", f"package-{n}", 5_000_000) for n in range(2)]
    others = [_zone(tmp_path, "intel-rapl:0:0", "core", 0), _zone(tmp_path, "intel-rapl:2", "psys", 0)]
    rapl = Rapl(tmp_path)
    for zone in (*packages, *others):
        (zone / "energy_uj").write_text("7500000\n")
    assert rapl.joules() == 5.0


def test_a_counter_that_begins_again_at_0_counts_on(tmp_path: Path) -> None:
    zone = _zone(tmp_path, "intel-rapl:0", "package-0", _RANGE_UJ - 1_000_000)
    rapl = Rapl(tmp_path)
    for energy_uj, joules in ((2_000_000, 3.0), (1_000_000, 1002.0)):
        (zone / "energy_uj").write_text(f"{energy_uj}\n")
        assert rapl.joules() == joules


def test_without_a_counter_there_is_no_reading(tmp_path: Path) -> None:
    assert Rapl(tmp_path).joules() is None
    zone = _zone(tmp_path, "intel-rapl:0", "package-0", 0)
    rapl = Rapl(tmp_path)
    (zone / "energy_uj").unlink()
    assert rapl.joules() is None
    assert Rapl(tmp_path).joules() is None
