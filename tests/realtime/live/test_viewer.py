"""What is put beside the painted picture, and what is said on it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from engines.fallback import BUILDING, DONE, HotSwap
from realtime.live.controls import Compare, Controls, Key, StyleList
from realtime.live.viewer import Notes, Status, canvas, draw


def test_compare_shows_the_original_to_the_left_and_the_painted_picture_to_the_right() -> None:
    red, blue = (np.full((360, 400, 3), color, np.uint8) for color in ((255, 0, 0), (0, 0, 255)))
    side = canvas(red, blue, Compare.SIDE, 0.5)
    assert side.shape == (360, 800, 3)
    assert tuple(side[0, 399]) == (0, 0, 255)  # BGR
    assert tuple(side[0, 400]) == (255, 0, 0)
    split = canvas(red, blue, Compare.SPLIT, 0.25)
    assert tuple(split[5, 90]) == (0, 0, 255)
    assert tuple(split[5, 100]) == (255, 255, 255)
    assert tuple(split[5, 110]) == (255, 0, 0)
    assert (red == (255, 0, 0)).all()
    assert (blue == (0, 0, 255)).all()


def test_compare_brings_the_original_to_the_size_of_an_enlarged_picture() -> None:
    red, blue = np.full((200, 100, 3), (255, 0, 0), np.uint8), np.full((400, 200, 3), (0, 0, 255), np.uint8)
    side = canvas(red, blue, Compare.SIDE, 0.5)
    assert side.shape == (400, 400, 3)
    assert (side[:, :200] == (0, 0, 255)).all()  # BGR
    split = canvas(red, blue, Compare.SPLIT, 0.5)
    assert split.shape == (400, 200, 3)
    assert (split[:, :98] == (0, 0, 255)).all()
    assert (split[:, 102:] == (255, 0, 0)).all()


def test_small_pictures_are_enlarged_for_the_window() -> None:
    assert canvas(*[np.zeros((120, 160, 3), np.uint8)] * 2, Compare.OFF, 0.5).shape == (360, 480, 3)


def _status(
    controls: Controls, *, trouble: str = "", since_ns: int | None = None, hot_swaps: tuple[HotSwap, ...] = ()
) -> Status:
    capture = SimpleNamespace(trouble_at=lambda _: trouble)
    return Status(controls, capture, recording_since_ns=lambda: since_ns, hot_swaps=lambda: hot_swaps)  # type: ignore[arg-type]


@pytest.fixture
def controls() -> Controls:
    return Controls(StyleList(names=("wave",), vectors=(None,), start=0))


def test_the_screen_shows_what_is_being_built_and_then_that_it_paints(controls: Controls) -> None:
    swap = HotSwap(net="fast", title="TensorRT", state=BUILDING, seconds=12.3)
    building = _status(controls, hot_swaps=(swap,)).notes(0)
    assert building.building == "TensorRT engine for net fast is being built, the CPU paints: 12 s"
    assert building.message == ""
    status = _status(controls, hot_swaps=(HotSwap(net="fast", title="TensorRT", state=DONE, seconds=41.6),))
    done = status.notes(0)
    assert (done.building, done.message) == ("", "now on TensorRT, net fast, after 42 s")
    assert status.notes(10**10).message == ""  # said once
    plain, written = (np.full((480, 640, 3), 128, np.uint8) for _ in range(2))
    draw(plain, Notes(style="wave"))
    draw(written, Notes(style="wave", building=building.building))
    changed = np.argwhere((plain != written).any(axis=2))
    assert len(changed) > 500
    assert changed[:, 0].min() > 300  # below the middle, where messages are


def test_the_screen_says_how_the_style_is_changed_how_long_it_records_and_what_is_wrong(controls: Controls) -> None:
    for key in ("-", "-", "k", " "):
        controls.handle(Key(key), 0)
    notes = _status(controls, trouble="the source has gone", since_ns=10**9).notes(64 * 10**9, info="30 fps")
    assert (notes.style, notes.details) == ("wave", ("strength 80%", "own colours"))
    assert (notes.recording, notes.paused, notes.trouble, notes.info) == ("1:03", True, "the source has gone", "30 fps")
    controls.handle(Key("i"), 0)
    assert _status(controls).notes(0, info="30 fps").info == ""
