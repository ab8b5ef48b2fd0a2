"""The CPU of this machine, the instructions with which it multiplies matrices quickly, and the GPUs.

Asked of the system and of NVIDIA's driver, cheaply and without any package.
"""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engines.errors import BackendError
from engines.nvidia.driver import find_gpu

__all__ = ["GraphicsCard", "Processor", "from_cpuinfo", "from_sysctl", "graphics_cards", "processor", "system_text"]

_X86 = {
    "avx2": "AVX2",
    "avx_vnni": "AVX-VNNI",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX512-VNNI",
    "avx512_bf16": "AVX512-BF16",
    "avx512_fp16": "AVX512-FP16",
    "amx_bf16": "AMX-BF16",
    "amx_int8": "AMX-INT8",
    "amx_fp16": "AMX-FP16",
}
_ARM = {
    "neon": "NEON",
    "asimd": "NEON",
    "asimdhp": "NEON-FP16",
    "asimddp": "NEON-DOT",
    "i8mm": "I8MM",
    "bf16": "BF16",
    "sve": "SVE",
    "sve2": "SVE2",
    "sme": "SME",
}
"""Our name by that in /proc/cpuinfo."""
_APPLE = {
    "hw.optional.avx2_0": "AVX2",
    "hw.optional.avx512f": "AVX-512",
    "hw.optional.neon": "NEON",
    "hw.optional.arm.AdvSIMD": "NEON",
    "hw.optional.arm.FEAT_FP16": "NEON-FP16",
    "hw.optional.arm.FEAT_DotProd": "NEON-DOT",
    "hw.optional.arm.FEAT_I8MM": "I8MM",
    "hw.optional.arm.FEAT_BF16": "BF16",
    "hw.optional.arm.FEAT_SME": "SME",
}
_WINDOWS = {40: "AVX2", 41: "AVX-512", 19: "NEON", 43: "NEON-DOT"}
"""By the number that IsProcessorFeaturePresent takes; it knows of no other."""

_SYSFS = Path("/sys/class/drm")
_NVIDIA = "0x10de"
_VENDORS = {_NVIDIA: "NVIDIA", "0x8086": "Intel", "0x1002": "AMD", "0x1af4": "virtual", "0x15ad": "VMware"}


@dataclass(frozen=True, kw_only=True)
class Processor:
    """The CPU that this process runs on."""

    name: str
    """What the vendor calls it, or else its architecture."""
    cores: int
    """Logical ones, that this process may use."""
    features: tuple[str, ...]
    """Such as AVX2 or AMX-BF16; empty where it has none, or where the system does not say."""


@functools.cache
def processor() -> Processor:
    """Ask the system."""
    name, features = _asked()
    return Processor(name=name or platform.processor() or platform.machine(), cores=_cores(), features=features)


def from_cpuinfo(text: str) -> tuple[str, tuple[str, ...]]:
    """Name and features of the first CPU in Linux's /proc/cpuinfo."""
    facts: dict[str, str] = {}
    for line in text.split("\n\n", maxsplit=1)[0].splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return facts.get("model name", ""), _named({**_X86, **_ARM}, flags)


def from_sysctl(text: str) -> tuple[str, tuple[str, ...]]:
    """Name and features from what macOS's `sysctl machdep.cpu.brand_string hw.optional` prints."""
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    return facts.get("machdep.cpu.brand_string", ""), _named(_APPLE, [k for k, v in facts.items() if v == "1"])


def _asked() -> tuple[str, tuple[str, ...]]:
    if sys.platform == "win32":
        return _from_windows()
    try:
        if sys.platform == "darwin":
            asked = ["/usr/sbin/sysctl", "machdep.cpu.brand_string", "hw.optional"]
            return from_sysctl(subprocess.run(asked, capture_output=True, text=True, check=False, timeout=5).stdout)  # noqa: S603 (fixed)
        return from_cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    except (OSError, subprocess.SubprocessError):
        return "", ()  # a system that does not say


def _from_windows() -> tuple[str, tuple[str, ...]]:
    if sys.platform != "win32":
        return "", ()
    import ctypes
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
            name = str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    except OSError:
        name = ""
    has = ctypes.windll.kernel32.IsProcessorFeaturePresent
    return name, tuple(feature for number, feature in _WINDOWS.items() if has(number))


def _named(names: Mapping[str, str], found: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for key, name in names.items() if key in found))


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class GraphicsCard:
    """A GPU that the system knows of."""

    name: str
    driver: str
    """In the words of the system; empty where it does not say."""
    usable: bool
    """Nets can run on it: that takes an NVIDIA GPU and NVIDIA's driver."""
    text: str
    """What it is, or why it cannot be used."""


def graphics_cards(sysfs: Path = _SYSFS) -> list[GraphicsCard]:
    """All GPUs, first the NVIDIA GPU that would be used. Other vendors' GPUs are found on Linux only."""
    found = []
    reason = ""
    try:
        gpu = find_gpu()
        gib = gpu.memory / 2**30
        text = f"{gpu.target}, {gib:.0f} GiB"
        found.append(GraphicsCard(name=gpu.name, driver=f"CUDA {gpu.driver}", usable=True, text=text))
    except BackendError as error:
        reason = str(error)
    for card in sorted(sysfs.glob("card*")):
        vendor = system_text(card / "device" / "vendor")
        if not card.name.removeprefix("card").isdigit() or (vendor == _NVIDIA and found and found[0].usable):
            continue  # a card's sockets are listed beside it
        driver = card / "device" / "driver"
        found.append(
            GraphicsCard(
                name=f"{_VENDORS.get(vendor, 'other')} GPU",
                driver=driver.resolve().name if driver.exists() else "",
                usable=False,
                text=reason if vendor == _NVIDIA else "no net runs on it; it may encode video",
            )
        )
    return found


def system_text(path: Path) -> str:
    """What a file of the system's says, without the blanks around it; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
