from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engines.errors import BackendError
from engines.nvidia.driver import find_gpu
from engines.processors import from_cpuinfo, from_sysctl, graphics_cards, processor

_INTEL = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8480+
flags\t\t: fpu sse2 avx avx2 avx512f avx512_vnni avx512_bf16 amx_bf16 amx_tile amx_int8 avx_vnni

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
_GRAVITON = """processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd evtstrm aes crc32 asimdhp asimddp sve i8mm bf16
CPU implementer\t: 0x41
"""
_APPLE = """machdep.cpu.brand_string: Apple M2
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 1
hw.optional.arm.FEAT_SME: 0
hw.optional.neon: 1
hw.optional.floatingpoint: 1
"""


def test_the_first_cpu_of_linux_is_read_with_its_matrix_features() -> None:
    assert from_cpuinfo(_INTEL) == (
        "Intel(R) Xeon(R) Platinum 8480+",
        ("AVX2", "AVX-VNNI", "AVX-512", "AVX512-VNNI", "AVX512-BF16", "AMX-BF16", "AMX-INT8"),
    )
    assert from_cpuinfo(_GRAVITON) == ("", ("NEON", "NEON-FP16", "NEON-DOT", "I8MM", "BF16", "SVE"))


def test_what_a_mac_says_is_read() -> None:
    assert from_sysctl(_APPLE) == ("Apple M2", ("NEON", "NEON-DOT", "I8MM"))


@pytest.mark.parametrize("text", ["", "\n\n", "nonsense", ":::", "flags", "flags:"])
def test_any_text_gives_nothing_rather_than_an_error(text: str) -> None:
    assert from_cpuinfo(text) == from_sysctl(text) == ("", ())


def test_the_processor_here_has_a_name_and_a_core() -> None:
    here = processor()
    assert here.name
    assert here.cores >= 1
    if sys.platform == "linux":
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
        assert ("AVX2" in here.features) == ("avx2" in flags)


def _card(sysfs: Path, name: str, vendor: str | None, driver: str | None) -> None:
    device = sysfs / name / "device"
    device.mkdir(parents=True)
    if vendor is not None:
        (device / "vendor").write_text(vendor + "\n")
    if driver is not None:
        (sysfs / "drivers" / driver).mkdir(parents=True)
        (device / "driver").symlink_to(sysfs / "drivers" / driver)


@pytest.fixture
def no_gpu() -> None:
    try:
        gpu = find_gpu()
    except BackendError:
        return
    pytest.skip(f"says what happens without an NVIDIA GPU, and there is {gpu.name} here")


@pytest.mark.usefixtures("no_gpu")
def test_cards_are_listed_with_their_drivers_and_their_sockets_are_not(tmp_path: Path) -> None:
    _card(tmp_path, "card0", "0x8086", "i915")
    _card(tmp_path, "card0-HDMI-A-1", "0x8086", None)
    _card(tmp_path, "card1", "0x10de", "nouveau")
    _card(tmp_path, "card2", None, None)
    cards = graphics_cards(tmp_path)
    assert [(card.name, card.driver) for card in cards] == [
        ("Intel GPU", "i915"),
        ("NVIDIA GPU", "nouveau"),
        ("other GPU", ""),
    ]
    assert not any(card.usable for card in cards)
    assert "NVIDIA" in cards[1].text  # why the driver cannot be used
    assert cards[1].text != cards[0].text


@pytest.mark.usefixtures("no_gpu")
def test_without_any_card_the_list_is_empty(tmp_path: Path) -> None:
    assert graphics_cards(tmp_path / "none") == []
