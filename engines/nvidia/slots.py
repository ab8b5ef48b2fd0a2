"""The choreography of double buffering: which copy, launch and wait comes after which. A plain state machine.

Every slot has its own pinned and device buffers, its own stream and its own execution context, so captured graphs
keep their addresses. Within a slot the stream keeps the order; between slots one event does:

    stream k: copy in -> wait computed[k-1] -> launch k -> record computed[k] -> copy out -> record copied_out[k]

So the copy of frame n+1 to the GPU, the net on n and the copy of picture n-1 from it go on at the same time, while
the nets run one after the other in the order of the frames. The host only ever waits for copied_out[k].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from engines.errors import BackendError
from engines.nvidia.cuda import Cuda, DeviceBuffer, Event, Stream

__all__ = ["Slot", "Slots", "State"]


class State(Enum):
    FREE = "free"
    """The host may fill it."""
    BUSY = "busy"
    """The GPU works on it; the host keeps off both its arrays."""
    BROKEN = "broken"
    """A step failed: nothing of it can be trusted."""


@dataclass(kw_only=True, eq=False)
class Slot:
    """One frame's place on both sides of the bus."""

    pinned_in: list[NDArray[np.generic]]
    """The inputs in pinned memory: the frame and, where the net has styles, the style."""
    device_in: list[DeviceBuffer]
    device_out: DeviceBuffer
    pinned_out: NDArray[np.generic]
    """uint8 `(1, H, W, 3)`."""
    stream: Stream
    begun: Event
    copied_in: Event
    computed: Event
    copied_out: Event
    launch: Callable[[], None] | None = None
    """Puts the net on `stream`. Set once, before the first start."""
    state: State = field(default=State.FREE)

    @classmethod
    def allocate(
        cls, cuda: Cuda, pinned_in: list[NDArray[np.generic]], out_shape: tuple[int, ...], out_type: type[np.generic]
    ) -> Slot:
        """A slot around input arrays that are pinned already. Raises BackendError."""
        pinned_out = cuda.pinned(out_shape, out_type)
        return cls(
            pinned_in=pinned_in,
            device_in=[cuda.device(array.nbytes) for array in pinned_in],
            device_out=cuda.device(pinned_out.nbytes),
            pinned_out=pinned_out,
            stream=cuda.stream(),
            begun=cuda.event(),
            copied_in=cuda.event(),
            computed=cuda.event(),
            copied_out=cuda.event(),
        )


class Slots:
    """Starts and finishes slots in any number of turns. All methods belong to one thread at a time."""

    def __init__(self, slots: list[Slot], *, in_turn: bool = True) -> None:
        """`in_turn`: the nets of two frames never run at the same time, so each has its latency for itself."""
        self.slots, self._in_turn = slots, in_turn
        self._last: Slot | None = None

    def start(self, number: int) -> None:
        """Put a filled slot on its way. Raises BackendError; the slot is then broken and finish raises too."""
        slot = self.slots[number]
        if slot.state is State.BROKEN:
            raise BackendError(_BROKEN)
        assert slot.state is State.FREE, f"slot {number} is {slot.state.value}: its picture was not read"
        assert slot.launch is not None, f"slot {number} has nothing to launch"
        slot.state = State.BROKEN  # until every step is on its way
        stream = slot.stream
        stream.record(slot.begun)
        for buffer, array in zip(slot.device_in, slot.pinned_in, strict=True):
            stream.copy_in(buffer, array)
        stream.record(slot.copied_in)
        if self._in_turn and self._last is not None and self._last is not slot:
            stream.wait(self._last.computed)
        slot.launch()
        stream.record(slot.computed)
        stream.copy_out(slot.pinned_out, slot.device_out)
        stream.record(slot.copied_out)
        self._last = slot
        slot.state = State.BUSY

    def finish(self, number: int) -> NDArray[np.generic]:
        """Wait for a started slot; its pinned output stays valid until the slot is started again."""
        slot = self.slots[number]
        if slot.state is State.BROKEN:
            raise BackendError(_BROKEN)
        assert slot.state is State.BUSY, f"slot {number} is {slot.state.value}: it was not started"
        slot.state = State.BROKEN
        slot.copied_out.synchronize()
        slot.state = State.FREE
        return slot.pinned_out

    def stages_ms(self, number: int) -> dict[str, float]:
        """GPU time of a slot's last finished turn: copy_in, compute (and its wait for the slot before), copy_out."""
        slot = self.slots[number]
        return {
            "copy_in": slot.copied_in.ms_since(slot.begun),
            "compute": slot.computed.ms_since(slot.copied_in),
            "copy_out": slot.copied_out.ms_since(slot.computed),
        }


_BROKEN = "the GPU failed on an earlier frame: start again, or go on with --backend openvino"
