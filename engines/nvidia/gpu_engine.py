"""What all engines on a GPU share: pinned slots, the choreography, the warm-up. Not yet run on a GPU."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from engines.contract import EngineSpec, Picture, StyleVector
from engines.errors import BackendError
from engines.nvidia.cuda import Cuda
from engines.nvidia.slots import Slot, Slots
from engines.ring import RingEngine, padded_size

__all__ = ["GpuEngine"]

_log = logging.getLogger(__name__)
_WARM_UP = 3
"""Runs of each slot before the first frame: TensorRT for RTX captures its CUDA graph in the second."""


class GpuEngine(RingEngine):
    """Owns `cuda` and everything on it. Use from one thread at a time; it may be another than the one that made it.

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
