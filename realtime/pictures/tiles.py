"""How a large picture is divided into tiles of one size."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from engines.contract import SMALLEST_SIDE
from engines.errors import BadInputError
from engines.net_file import NetSpec

__all__ = ["Tile", "TileGrid", "smallest_tile", "tile_grid"]


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
