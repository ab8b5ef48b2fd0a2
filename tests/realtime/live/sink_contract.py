"""What holds for every sink of live frames, as functions: the window's is checked in a process of its own."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from realtime.live.controls import Controls, Request, StyleList
from realtime.live.frame import LiveFrame, Sink

__all__ = ["CONTRACT", "SIZE", "Opened", "frame"]

SIZE = (64, 48)
Opened = tuple[Sink, Callable[[], int]]
"""A sink, and how many frames have come through it until now."""


def frame(number: int, *, again: bool = False) -> LiveFrame:
    """One that is painted, 40 ms after the last."""
    picture = np.full((SIZE[1], SIZE[0], 3), 20 + 8 * number % 200, np.uint8)
    made = LiveFrame(picture=picture, captured_ns=number * 40_000_000, number=number, again=again)
    made.original = made.result = picture
    made.settings = Controls(StyleList(names=("a",), vectors=(None,), start=0)).settings(0)
    return made


def offering_never_waits_and_the_newest_are_dealt_with_at_the_end(opened: Opened) -> None:
    sink, came = opened
    for number in range(1, 60):
        sink.offer(frame(number))  # nobody works yet
    sink.close()
    sink.work()
    assert 1 <= came() < 59


def work_goes_on_until_close(opened: Opened) -> None:
    sink, came = opened

    def others() -> None:
        for number in range(1, 5):
            before = came()
            sink.offer(frame(number))
            while came() == before:
                ended.wait(0.005)
        sink.close()

    ended = threading.Event()
    thread = threading.Thread(target=others)
    thread.start()
    sink.work()  # in this thread: a window belongs to the main one
    ended.set()
    thread.join()
    assert came() == 4


def close_twice_is_harmless_and_so_is_an_offer_after_it(opened: Opened) -> None:
    sink, came = opened
    sink.close()
    sink.close()
    sink.offer(frame(1))
    sink.work()
    assert came() == 0


def it_has_a_name_facts_for_json_and_obeys_what_it_can(opened: Opened) -> None:
    sink, _ = opened
    assert sink.name
    json.dumps(sink.facts())
    for request in Request:
        said = sink.obey(request)
        assert said is None or isinstance(said, str)
    sink.close()
    sink.work()


CONTRACT = (
    offering_never_waits_and_the_newest_are_dealt_with_at_the_end,
    work_goes_on_until_close,
    close_twice_is_harmless_and_so_is_an_offer_after_it,
    it_has_a_name_facts_for_json_and_obeys_what_it_can,
)


def _check_window(folder: Path) -> None:
    """In a process of its own: Qt ends it when its X server goes. Names what was kept."""
    from types import SimpleNamespace

    from realtime.live.viewer import Status, Viewer
    from realtime.live.window import Window

    for check in CONTRACT:
        controls = Controls(StyleList(names=("a",), vectors=(None,), start=0))
        capture = SimpleNamespace(trouble_at=lambda _: "")
        status = Status(controls, capture, recording_since_ns=lambda: None, hot_swaps=tuple)  # type: ignore[arg-type]
        with Window(check.__name__, SIZE) as window:
            viewer = Viewer(window, controls, status, turn=lambda: True, folder=folder)
            check((viewer, lambda viewer=viewer: viewer.shown))  # type: ignore[misc]
        print(check.__name__, flush=True)  # noqa: T201 (for the parent)


if __name__ == "__main__":
    _check_window(Path(sys.argv[1]))
