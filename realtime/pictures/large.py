"""Painting a large picture tile by tile, with the statistics of the whole picture."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from engines.tile_backends import open_measure, options_for_tiles
from engines.tiling import Statistics, TiledNet
from numpy.typing import NDArray

from engines.backends import AUTO, open_engine, usable_backend
from engines.contract import EngineOptions, Picture, StyleVector
from realtime.pictures.tiles import Tile, tile_grid

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Progress", "TilePainter"]

Progress = Callable[[int, int], None]
"""(steps done, all steps)."""


class TilePainter:
    """Paints pictures of one size. The memory it needs is that of one tile, apart from the two pictures.

    Every layer's statistics are measured over all tiles before the next layer's are, then all tiles are painted with
    the same ones: the result is that of the untiled net (71 dB, at most 1/255 in f32; 57 dB in bf16, as far as bf16
    is from f32 untiled). A net without normalisation is painted at once.
    """

    def __init__(
        self,
        net: TiledNet,
        size: tuple[int, int],
        *,
        side: int,
        backend: str = AUTO,
        options: EngineOptions | None = None,
        progress: Progress | None = None,
    ) -> None:
        """`size` (width, height) of the pictures, `side` the longest side of a tile. Raises what open_engine raises."""
        self.size, self._net, self._progress = size, net, progress
        self.grid = tile_grid(size, side, net.painting.spec)
        name, options = usable_backend(backend).name, options or EngineOptions()
        if net.channels:
            options = options_for_tiles(name, options)
        self.engine = open_engine(net.painting, self.grid.size, backend=name, options=options)
        self._rows, self._columns = (
            np.pad(np.arange(length), (0, padded - length), mode="reflect")
            for length, padded in zip(size[::-1], self.grid.padded[::-1], strict=True)
        )

    def paint(self, frame: Picture, style: StyleVector | None) -> Picture:
        """Paint one picture, uint8 `(h, w, 3)` RGB; returns uint8 `(h * scale, w * scale, 3)`."""
        self._steps_done = 0
        vector = self._measured(frame, style) if self._net.channels else style
        scale = self.engine.spec.net.scale
        width, height = self.size
        out = np.empty((height * scale, width * scale, 3), np.uint8)
        waiting: list[Tile] = []
        for tile in self.grid.tiles:
            if len(waiting) == self.engine.depth:
                self._collect(waiting.pop(0), out)
            self.engine.submit(self._cut(frame, tile), vector)
            waiting.append(tile)
        for tile in waiting:
            self._collect(tile, out)
        return out

    def close(self) -> None:
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _measured(self, frame: Picture, style: StyleVector | None) -> StyleVector:
        """The style vector with the statistics of the whole picture, found layer after layer."""
        statistics = Statistics(self._net.channels)
        for layer, model in enumerate(self._net.measuring):
            measure = open_measure(model, self.engine.spec)
            vector = statistics.packed(style)
            total = np.zeros((2, self._net.channels[layer]))
            for tile in self.grid.tiles:
                total += measure(self._cut(frame, tile), vector, self._window(tile))
                self._step()
            width, height = self.grid.size
            share = width * height / (self.grid.padded[0] * self.grid.padded[1])
            statistics.set_layer(layer, total * share, self._net.epsilons[layer])
        return statistics.packed(style)

    def _cut(self, frame: Picture, tile: Tile) -> Picture:
        width, height = self.grid.size
        rows, columns = self._rows[tile.top : tile.top + height], self._columns[tile.left : tile.left + width]
        return frame[rows[:, None], columns]

    def _window(self, tile: Tile) -> NDArray[np.float32]:
        """Where the core is in its tile: top, bottom, left, right in 0..1."""
        width, height = self.grid.size
        left, top, right, bottom = tile.core
        return np.array(
            [
                (top - tile.top) / height,
                (bottom - tile.top) / height,
                (left - tile.left) / width,
                (right - tile.left) / width,
            ],
            np.float32,
        )

    def _collect(self, tile: Tile, out: Picture) -> None:
        painted = self.engine.collect()
        scale = self.engine.spec.net.scale
        left, top, right, bottom = (edge * scale for edge in tile.core)
        part = out[top:bottom, left:right]  # shorter where the core reaches into the padding
        y, x = top - tile.top * scale, left - tile.left * scale
        part[:] = painted[y : y + part.shape[0], x : x + part.shape[1]]
        self._step()

    def _step(self) -> None:
        self._steps_done += 1
        if self._progress is not None:
            self._progress(self._steps_done, len(self.grid.tiles) * (1 + len(self._net.channels)))
