"""Painting still pictures of any size: tiny ones, and ones that do not fit into memory as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from engines.tile_backends import ON_A_GPU, whole_on_gpu
from engines.tiling import NotTileableError, TiledNet, tiled_net

from engines.backends import AUTO, open_engine, usable_backend
from engines.contract import SMALLEST_SIDE, Engine, EngineOptions, EngineSpec, Picture
from engines.errors import BadInputError
from engines.net_file import NetFile
from engines.nvidia.driver import find_gpu
from realtime.pictures.tiles import Progress, TilePainter, smallest_tile
from realtime.pipeline import Pipeline, StyleParams, mix

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["PicturePainter", "TILE_SIDE", "WHOLE_UP_TO"]

WHOLE_UP_TO = 16_000_000
"""Pixels of a picture up to which a net with normalisation paints it whole.

Measured, peak memory for each million pixels: `fast` 75 MB in bf16 and 140 MB in f32 with OpenVINO, 380 MB with ONNX
Runtime; the net of Johnson et al. 270 MB and 510 MB. At this limit `fast` takes 1.2 to 2.2 GB. Painting in tiles takes
seven times as long, for the statistics are measured first.
"""
TILE_SIDE = 1024
"""Pixels: 22 % of what is painted is overlap for `fast`. Nets without normalisation use such tiles always."""


class PicturePainter:
    """Paints pictures one by one; the engine is kept while the next picture has the same size."""

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
        if net.spec.scale != 1 and (params.strength != 1 or params.keep_colors):
            raise BadInputError("strength and kept colours are for nets that paint, not for those that enlarge")
        self._net, self._params, self._backend, self._tile = net, params, backend, tile
        self._options = options or EngineOptions()
        self._notice, self._progress = notice, progress
        self._whole: Engine | None = None
        self._tiles: TilePainter | None = None
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
                self._notice(f"{error}: {megapixels:.0f} million pixels are painted at once, which needs much memory")
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
        painter = Pipeline(self._whole)
        painter.submit(frame, self._params)
        return painter.collect()

    def _paint_tiles(self, frame: Picture, side: int) -> Picture:
        size = (frame.shape[1], frame.shape[0])
        assert self._tiled is not None
        if self._tiles is None or self._tiles.size != size:
            self.close()
            self._tiles = TilePainter(
                self._tiled, size, side=side, backend=self._backend, options=self._options, progress=self._progress
            )
        painted = self._tiles.paint(frame, self._params.vector)
        return mix(frame, painted, self._params) if self._net.spec.scale == 1 else painted
