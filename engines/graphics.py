"""Which GPUs there are, and what drives them. Asked of the system and of NVIDIA's driver, without any package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines.errors import BackendError
from engines.nvidia.driver import find_gpu

__all__ = ["GraphicsCard", "graphics_cards"]

_SYSFS = Path("/sys/class/drm")
_NVIDIA = "0x10de"
_VENDORS = {_NVIDIA: "NVIDIA", "0x8086": "Intel", "0x1002": "AMD", "0x1af4": "virtual", "0x15ad": "VMware"}


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
    """The NVIDIA GPU that would be used comes first. Other vendors' GPUs are found on Linux only."""
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
        vendor = _text(card / "device" / "vendor")
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


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
