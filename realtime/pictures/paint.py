"""Still pictures of any size painted, enlarged, or both: tiny ones, and ones that do not fit into memory as a whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.backends import AUTO, open_engine, usable_backend
from engines.contract import SMALLEST_SIDE, Engine, EngineOptions, EngineSpec, Picture, StyleVector
from engines.errors import BadInputError
from engines.lifecycle import Closing
from engines.net_file import NetFile, NetSpec
from engines.nvidia.driver import find_gpu
from engines.tile_backends import ON_A_GPU, open_measure, options_for_tiles, whole_on_gpu
from engines.tiling import NotTileableError, Statistics, TiledNet, tiled_net
from realtime.pictures.read import MOST_PIXELS
from realtime.pipeline import Pipeline, ResolvedPipeline, StyleParams, mix

__all__ = [
    "PicturePipeline",
    "PictureStage",
    "Progress",
    "TILE_SIDE",
    "Tile",
    "TileGrid",
    "TiledPipeline",
    "WHOLE_UP_TO",
    "smallest_tile",
    "tile_grid",
]

Progress = Callable[[int, int], None]
"""(steps done, all steps)."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One tile, in pixels of the padded picture. A pixel of the picture belongs to exactly one core."""

    left: int
    top: int
    core: tuple[int, int, int, int]
    """left, top, right, bottom of the part that is kept. It is a margin away from every edge of the tile that is not
    an edge of the picture."""


@dataclass(frozen=True, kw_only=True)
class TileGrid:
    """All tiles of a picture, row by row."""

    size: tuple[int, int]
    """(width, height) of every tile."""
    padded: tuple[int, int]
    """(width, height) of the picture, mirrored at its right and lower edge up to the net's size multiple."""
    tiles: tuple[Tile, ...]


def smallest_tile(net: NetSpec) -> int:
    """The shortest side of a tile that has a core."""
    return max(SMALLEST_SIDE, 2 * _aligned(net.margin, net.size_multiple) + net.size_multiple)


def tile_grid(size: tuple[int, int], side: int, net: NetSpec) -> TileGrid:
    """Divide a picture of `size` (width, height) into tiles of at most `side` in each direction.

    Tiles and cores begin at multiples of the net's size multiple: the net's grid is the same in all of them.
    Raises BadInputError for a side that leaves no core.
    """
    if side < smallest_tile(net):
        raise BadInputError(f"tiles for net {net.name} are at least {smallest_tile(net)} pixels wide, got {side}")
    unit = net.size_multiple
    width, height = (_aligned(length, unit) for length in size)
    margin = _aligned(net.margin, unit)
    tile_width, columns = _cuts(width, side // unit * unit, margin, unit)
    tile_height, rows = _cuts(height, side // unit * unit, margin, unit)
    tiles = tuple(
        Tile(left=left, top=top, core=(core_left, core_top, core_right, core_bottom))
        for top, core_top, core_bottom in rows
        for left, core_left, core_right in columns
    )
    return TileGrid(size=(tile_width, tile_height), padded=(width, height), tiles=tiles)


def _cuts(length: int, side: int, margin: int, unit: int) -> tuple[int, list[tuple[int, int, int]]]:
    """Side of the tiles along one axis; (start, core start, core end) of each. All numbers are multiples of `unit`."""
    if length <= side:
        return length, [(0, 0, length)]
    count = -(-(length - 2 * margin) // (side - 2 * margin))
    side = _aligned(-(-(length - 2 * margin) // count), unit) + 2 * margin
    spare = (length - side) // unit
    starts = [spare * index // (count - 1) * unit for index in range(count)]
    middles = [(earlier + later + side) // (2 * unit) * unit for earlier, later in itertools.pairwise(starts)]
    return side, list(zip(starts, [0, *middles], [*middles, length], strict=True))


def _aligned(length: int, unit: int) -> int:
    return -(-length // unit) * unit


class TiledPipeline(Closing):
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


WHOLE_UP_TO = 16_000_000
"""Pixels of a picture up to which a net with normalisation paints it whole.

Measured, peak memory for each million pixels: `fast` 75 MB in bf16 and 140 MB in f32 with OpenVINO, 380 MB with ONNX
Runtime; the net of Johnson et al. 270 MB and 510 MB. At this limit `fast` takes 1.2 to 2.2 GB. Painting in tiles takes
seven times as long, for the statistics are measured first.
"""
TILE_SIDE = 1024
"""Pixels: 22 % of what is painted is overlap for `fast`. Nets without normalisation use such tiles always."""


class PictureStage(Closing):
    """One net that pictures go through, one by one; the engine is kept while the next picture has the same size."""

    def __init__(
        self,
        net: NetFile,
        params: StyleParams,
        *,
        backend: str = AUTO,
        options: EngineOptions | None = None,
        tile: int | None = None,
        notice: Callable[[str], None] | None = None,
        progress: Progress | None = None,
    ) -> None:
        """tile: the longest side of a tile, for all pictures that are larger; 0 paints everything whole; None: tiles of
        TILE_SIDE above WHOLE_UP_TO pixels, or above what a GPU's memory holds. Raises BadInputError, NotTileableError
        for tiles that the net cannot do.
        """
        params.check_net(net.spec)
        self._net, self._params, self._backend, self._tile = net, params, backend, tile
        self._options = options or EngineOptions()
        self._notice, self._progress = notice, progress
        self._whole: Engine | None = None
        self._tiles: TiledPipeline | None = None
        self._tiled: TiledNet | None = None
        if tile:
            self._tiled = tiled_net(net)
            if tile < smallest_tile(net.spec):
                raise BadInputError(
                    f"tiles for net {net.spec.name} are at least {smallest_tile(net.spec)} pixels wide, got {tile}"
                )

    @property
    def spec(self) -> EngineSpec | None:
        """What painted the last picture; None before the first."""
        engine = self._tiles.engine if self._tiles is not None else self._whole
        return None if engine is None else engine.spec

    def paint(self, frame: Picture) -> Picture:
        """Paint a picture, uint8 `(h, w, 3)` RGB of any size; returns uint8 `(h * scale, w * scale, 3)`.

        Pictures below 16x16 are mirrored at their edges up to that size, and cut again.
        """
        height, width = frame.shape[:2]
        missing = [max(0, SMALLEST_SIDE - length) for length in (height, width)]
        if any(missing):
            larger = np.pad(frame, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="reflect")
            scale = self._net.spec.scale
            return np.ascontiguousarray(self.paint(larger)[: height * scale, : width * scale])
        side = self._side_for((width, height))
        return self._paint_whole(frame) if side is None else self._paint_tiles(frame, side)

    def close(self) -> None:
        """Give the engine's memory back."""
        for engine in (self._whole, self._tiles):
            if engine is not None:
                engine.close()
        self._whole = self._tiles = None

    def _side_for(self, size: tuple[int, int]) -> int | None:
        """The longest side of the tiles for a picture of (width, height); None: it is painted whole."""
        if self._tile == 0:
            return None
        if self._tile:
            return self._tile if max(size) > self._tile else None
        side = max(TILE_SIDE, smallest_tile(self._net.spec))
        if size[0] * size[1] <= side * side:
            return None
        try:
            self._tiled = self._tiled or tiled_net(self._net)
        except NotTileableError as error:
            if size[0] * size[1] > self._whole_up_to() and self._notice is not None:
                megapixels = size[0] * size[1] / 1e6
                self._notice(
                    f"{error.full_text}: {megapixels:.0f} million pixels are painted at once, which needs much memory"
                )
            return None
        return side if size[0] * size[1] > self._whole_up_to() or not self._tiled.channels else None

    def _whole_up_to(self) -> int:
        """Pixels up to which a net with normalisation paints whole: on a GPU, as many as its memory holds."""
        on_a_gpu = usable_backend(self._backend).name in ON_A_GPU
        return whole_on_gpu(self._net, find_gpu()) if on_a_gpu else WHOLE_UP_TO

    def _paint_whole(self, frame: Picture) -> Picture:
        size = (frame.shape[1], frame.shape[0])
        if self._whole is None or self._whole.spec.size != size:
            self.close()
            options = replace(self._options, depth=1)
            self._whole = open_engine(self._net, size, backend=self._backend, options=options)
        pipeline = Pipeline(self._whole)
        pipeline.submit(frame, self._params)
        return pipeline.collect()

    def _paint_tiles(self, frame: Picture, side: int) -> Picture:
        size = (frame.shape[1], frame.shape[0])
        assert self._tiled is not None
        if self._tiles is None or self._tiles.size != size:
            self.close()
            self._tiles = TiledPipeline(
                self._tiled, size, side=side, backend=self._backend, options=self._options, progress=self._progress
            )
        painted = self._tiles.paint(frame, self._params.vector)
        return mix(frame, painted, self._params) if self._net.spec.scale == 1 else painted


class PicturePipeline(Closing):
    """Sends pictures through a pipeline, one by one; engines are kept while the next picture has the same size."""

    def __init__(
        self,
        pipeline: ResolvedPipeline,
        *,
        backend: str = AUTO,
        options: EngineOptions | None = None,
        tile: int | None = None,
        notice: Callable[[str], None] | None = None,
        progress: Progress | None = None,
    ) -> None:
        """As for PictureStage; `tile` holds for what goes into each net."""
        steps = [(pipeline.net, pipeline.params)]
        if pipeline.upscaler is not None:
            steps.append((pipeline.upscaler, StyleParams()))
        self.scale = pipeline.scale
        """Width and height of the results over those of the pictures."""
        self._stages = [
            PictureStage(net, params, backend=backend, options=options, tile=tile, notice=notice, progress=progress)
            for net, params in steps
        ]

    @property
    def specs(self) -> tuple[EngineSpec, ...]:
        """What made the last picture, in order; empty before the first."""
        specs = [stage.spec for stage in self._stages]
        return tuple(spec for spec in specs if spec is not None)

    def paint(self, frame: Picture) -> Picture:
        """A picture, uint8 `(h, w, 3)` RGB of any size; returns uint8 `(h * scale, w * scale, 3)`.

        Raises BadInputError for one that would become larger than any picture may be.
        """
        height, width = (side * self.scale for side in frame.shape[:2])
        if self.scale > 1 and width * height > MOST_PIXELS:
            raise BadInputError(
                f"the result would have {width}x{height}, expected at most {MOST_PIXELS // 1_000_000} million pixels",
                hint="make it smaller with `size` or a lower `sr`",
            )
        for stage in self._stages:
            frame = stage.paint(frame)
        return frame

    def close(self) -> None:
        """Give the engines' memory back."""
        for stage in self._stages:
            stage.close()
