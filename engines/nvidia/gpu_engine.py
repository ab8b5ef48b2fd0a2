"""What all engines on a GPU share: pinned slots, double buffering, the warm-up. Not yet run on a GPU.

Every slot has its own pinned and device buffers, its own stream and its own execution context, so captured graphs
keep their addresses. Within a slot the stream keeps the order of copies and launch; between slots one event does:

    stream k: copy in -> wait computed[k-1] -> launch k -> record computed[k] -> copy out -> record copied_out[k]

So the copy of frame n+1 to the GPU, the net on n and the copy of picture n-1 from it go on at the same time, while
the nets run one after the other in the order of the frames. The host only ever waits for copied_out[k].
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.contract import EngineSpec, Picture, RingEngine, StyleVector, padded_size
from engines.errors import BackendError
from engines.nvidia.cuda import Cuda, DeviceBuffer, Event, Stream

__all__ = ["GpuEngine", "Slot", "SlotState", "Slots"]

_log = logging.getLogger(__name__)
_WARM_UP = 3
"""Runs of each slot before the first frame: TensorRT for RTX captures its CUDA graph in the second."""
_BROKEN = "the GPU failed on an earlier frame: start again, or go on with --backend openvino"


class SlotState(Enum):
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
    state: SlotState = field(default=SlotState.FREE)

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
    """Starts and finishes slots in any number of turns: a state machine. All methods belong to one thread at a time."""

    def __init__(self, slots: list[Slot], *, in_turn: bool = True) -> None:
        """`in_turn`: the nets of two frames never run at the same time, so each has its latency for itself."""
        self.slots, self._in_turn = slots, in_turn
        self._last: Slot | None = None

    def start(self, number: int) -> None:
        """Put a filled slot on its way. Raises BackendError; the slot is then broken and finish raises too."""
        slot = self.slots[number]
        if slot.state is SlotState.BROKEN:
            raise BackendError(_BROKEN)
        assert slot.state is SlotState.FREE, f"slot {number} is {slot.state.value}: its picture was not read"
        assert slot.launch is not None, f"slot {number} has nothing to launch"
        slot.state = SlotState.BROKEN  # until every step is on its way
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
        slot.state = SlotState.BUSY

    def finish(self, number: int) -> NDArray[np.generic]:
        """Wait for a started slot; its pinned output stays valid until the slot is started again."""
        slot = self.slots[number]
        if slot.state is SlotState.BROKEN:
            raise BackendError(_BROKEN)
        assert slot.state is SlotState.BUSY, f"slot {number} is {slot.state.value}: it was not started"
        slot.state = SlotState.BROKEN
        slot.copied_out.synchronize()
        slot.state = SlotState.FREE
        return slot.pinned_out

    def stages_ms(self, number: int) -> dict[str, float]:
        """GPU time of a slot's last finished turn: copy_in, compute (and its wait for the slot before), copy_out."""
        slot = self.slots[number]
        return {
            "copy_in": slot.copied_in.ms_since(slot.begun),
            "compute": slot.computed.ms_since(slot.copied_in),
            "copy_out": slot.copied_out.ms_since(slot.computed),
        }


class GpuEngine(RingEngine):
    """Owns `cuda` and everything on it. For one thread at a time, which need not be the one that made it.

    Subclasses load a net once and give each slot its launch.
    """

    _captures = True
    """Whether the launches are to be recorded here; False where the runtime does that itself."""

    def __init__(self, spec: EngineSpec, depth: int, cuda: Cuda) -> None:
        """Raises BackendError; `cuda` is then closed."""
        self._cuda = cuda
        try:
            cuda.make_current()
            super().__init__(spec, depth)
            self._load()
            self._slots = Slots(self._make_slots())
            self._warm_up()
        except BaseException:
            self._drop()
            with suppress(BackendError):  # the first error is the one to tell
                cuda.close()
            raise

    @abstractmethod
    def _load(self) -> None:
        """Put the net on the GPU."""

    @abstractmethod
    def _launcher(self, slot: Slot) -> Callable[[], None]:
        """What puts the net on `slot.stream`, from its device inputs to its device output."""

    @abstractmethod
    def _drop(self) -> None:
        """Let go of the vendor's objects, in their order. Also called after a failed `_load`."""

    def stages_ms(self) -> dict[str, float]:
        """GPU time of each stage of the frame that was collected last."""
        return self._slots.stages_ms((self._next - self._in_flight - 1) % self.depth)

    def _allocate(
        self, depth: int, frame: tuple[int, ...], style: tuple[int, ...]
    ) -> tuple[list[Picture], list[StyleVector]]:
        frames: list[Any] = [self._cuda.pinned(frame, np.uint8) for _ in range(depth)]
        styles: list[Any] = [self._cuda.pinned(style, np.float32) for _ in range(depth)]
        return frames, styles

    def _make_slots(self) -> list[Slot]:
        width, height = padded_size(self.spec.size, self.spec.net.size_multiple)
        scale = self.spec.net.scale
        shape = (1, height * scale, width * scale, 3)
        slots = []
        for frame, style in zip(self._frames, self._styles, strict=True):
            inputs: list[Any] = [frame, style] if self.spec.net.style_length else [frame]
            slot = Slot.allocate(self._cuda, inputs, shape, np.uint8)
            slot.launch = self._launcher(slot)
            slots.append(slot)
        return slots

    def _warm_up(self) -> None:
        """Run every slot on black, then record its CUDA graph."""
        for number, slot in enumerate(self._slots.slots):
            for _ in range(_WARM_UP):
                self._slots.start(number)
                self._slots.finish(number)
            if self._captures and slot.launch is not None:
                slot.stream.synchronize()
                try:
                    graph = slot.stream.capture(slot.launch)
                except BackendError as error:
                    _log.warning("no CUDA graph, every frame is launched anew: %s", error)
                    self._captures = False
                    continue
                if graph is not None:
                    slot.launch = graph.launch

    def _start(self, slot: int) -> None:
        self._cuda.make_current()
        self._slots.start(slot)

    def _finish(self, slot: int) -> Picture:
        self._cuda.make_current()
        image: Picture = self._slots.finish(slot)[0]
        return image

    def _release(self) -> None:
        try:
            self._cuda.make_current()
            self._drop()
        finally:
            self._cuda.close()
