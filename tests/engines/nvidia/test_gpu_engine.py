from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines.errors import BackendError
from engines.nvidia.gpu_engine import Slot, Slots, SlotState
from tests.engines.nvidia.recording import RecordingCuda


def _slots(cuda: RecordingCuda, depth: int, **options: bool) -> Slots:
    """Slots whose net adds 100 to a frame of one pixel."""
    return Slots([_slot(cuda) for _ in range(depth)], **options)


def _slot(cuda: RecordingCuda) -> Slot:
    slot = Slot.allocate(cuda, [cuda.pinned((1,), np.uint8)], (1,), np.uint8)
    stream: Any = slot.stream
    source: Any = slot.device_in[0]
    target: Any = slot.device_out

    def net() -> None:
        target.content = bytes([source.content[0] + 100])

    slot.launch = lambda: stream.compute(net)
    return slot


def _run(slots: Slots, depth: int, frames: int) -> list[int]:
    """As the ring does: fill a free slot, start it, and finish the oldest when all are busy."""
    pictures = []
    for frame in range(frames + depth):
        if frame >= depth:
            pictures.append(int(slots.finish(frame % depth)[0]))
        if frame < frames:
            slots.slots[frame % depth].pinned_in[0][0] = frame
            slots.start(frame % depth)
    return pictures


def test_one_frame_is_copied_in_computed_and_copied_out_in_this_order() -> None:
    cuda = RecordingCuda()
    slots = _slots(cuda, 1)
    slots.start(0)
    slots.finish(0)
    assert cuda.log == [
        "s0 records e0",
        "s0 copies in",
        "s0 records e1",
        "s0 computes",
        "s0 records e2",
        "s0 copies out",
        "s0 records e3",
        "host waits e3",
    ]


def test_a_net_waits_for_the_net_of_the_frame_before_and_its_copy_in_does_not() -> None:
    cuda = RecordingCuda()
    slots = _slots(cuda, 2)
    slots.start(0)
    slots.start(1)
    second = [line for line in cuda.log if line.startswith("s1")]
    assert second.index("s1 copies in") < second.index("s1 waits e2") < second.index("s1 computes")


def test_nets_may_run_side_by_side_when_asked_for() -> None:
    cuda = RecordingCuda()
    slots = _slots(cuda, 2, in_turn=False)
    slots.start(0)
    slots.start(1)
    assert not any("s1 waits" in line for line in cuda.log)


@pytest.mark.parametrize("depth", [1, 2, 3, 8])
def test_every_picture_is_that_of_its_frame_however_late_the_gpu_works(depth: int) -> None:
    assert _run(_slots(RecordingCuda(), depth), depth, 100) == [100 + n for n in range(100)]


def test_a_frame_that_is_filled_in_before_its_slot_is_read_gives_a_wrong_picture() -> None:
    """What the recording module is for: it would show the mistake."""
    slots = _slots(RecordingCuda(), 1)
    slots.slots[0].pinned_in[0][0] = 1
    slots.start(0)
    slots.slots[0].pinned_in[0][0] = 2
    assert slots.finish(0)[0] == 102


def test_a_slot_is_not_started_again_before_its_picture_was_read() -> None:
    slots = _slots(RecordingCuda(), 2)
    slots.start(0)
    with pytest.raises(AssertionError, match="was not read"):
        slots.start(0)


def test_a_slot_that_was_not_started_cannot_be_finished() -> None:
    with pytest.raises(AssertionError, match="was not started"):
        _slots(RecordingCuda(), 1).finish(0)


def test_three_slots_hide_the_copies_behind_the_net() -> None:
    cuda = RecordingCuda(copy_in_ms=2, compute_ms=5, copy_out_ms=3)
    _run(_slots(cuda, 3), 3, 100)
    assert cuda.now_ms == pytest.approx(100 * 5 + 2 + 3)


def test_two_slots_hide_the_copies_of_a_net_that_takes_longer_than_both() -> None:
    cuda = RecordingCuda(copy_in_ms=1, compute_ms=5, copy_out_ms=1)
    _run(_slots(cuda, 2), 2, 100)
    assert cuda.now_ms == pytest.approx(100 * 5 + 1 + 1)


def test_one_slot_hides_nothing() -> None:
    cuda = RecordingCuda(copy_in_ms=2, compute_ms=5, copy_out_ms=3)
    _run(_slots(cuda, 1), 1, 100)
    assert cuda.now_ms == pytest.approx(100 * (2 + 5 + 3))


def test_stages_are_timed_by_the_gpu() -> None:
    slots = _slots(RecordingCuda(copy_in_ms=2, compute_ms=5, copy_out_ms=3), 1)
    slots.start(0)
    slots.finish(0)
    assert slots.stages_ms(0) == {"copy_in": 2, "compute": 5, "copy_out": 3}


@pytest.mark.parametrize("step", ["s1 copies in", "s1 computes", "s1 copies out"])
def test_a_step_that_fails_breaks_its_slot_for_good_and_leaves_the_others_readable(step: str) -> None:
    cuda = RecordingCuda()
    slots = _slots(cuda, 2)
    slots.slots[0].pinned_in[0][0] = 7
    slots.start(0)
    cuda.fails_at = step
    with pytest.raises(BackendError, match="lost"):
        slots.start(1)
    assert slots.slots[1].state is SlotState.BROKEN
    assert slots.finish(0)[0] == 107
    for use in (slots.start, slots.finish):
        with pytest.raises(BackendError, match="--backend openvino"):
            use(1)
