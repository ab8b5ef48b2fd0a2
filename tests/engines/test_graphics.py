from __future__ import annotations

from pathlib import Path

import pytest

from engines.errors import BackendError
from engines.graphics import graphics_cards
from engines.nvidia.driver import find_gpu


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
