from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.errors import BadInputError
from engines.net_file import NetSpec
from realtime.pictures.tiles import smallest_tile, tile_grid


@settings(max_examples=200, deadline=None)
@given(
    width=st.integers(16, 900),
    height=st.integers(16, 900),
    margin=st.integers(0, 60),
    unit=st.sampled_from([1, 2, 4, 8]),
    spare=st.integers(0, 300),
)
def test_cores_cover_the_picture_once_and_keep_their_margin(
    width: int, height: int, margin: int, unit: int, spare: int
) -> None:
    net = NetSpec(name="any", kind="style", margin=margin, size_multiple=unit)
    side = smallest_tile(net) + spare
    grid = tile_grid((width, height), side, net)
    padded_width, padded_height = grid.padded
    assert (padded_width % unit, padded_height % unit) == (0, 0)
    assert padded_width - width < unit
    assert max(grid.size) <= max(side, unit * -(-16 // unit))
    covered = np.zeros((padded_height, padded_width), np.int8)
    for tile in grid.tiles:
        left, top, right, bottom = tile.core
        covered[top:bottom, left:right] += 1
        ends = (tile.left, tile.top, tile.left + grid.size[0], tile.top + grid.size[1])
        assert all(number % unit == 0 for number in (*tile.core, *ends))
        for end, core, edge in zip(ends, tile.core, (0, 0, padded_width, padded_height), strict=True):
            assert abs(end - core) >= margin or end == core == edge
        assert ends[0] >= 0
        assert ends[1] >= 0
        assert ends[2] <= padded_width
        assert ends[3] <= padded_height
    assert (covered == 1).all()


def test_tiles_without_a_core_are_refused() -> None:
    net = NetSpec(name="far", kind="style", margin=48, size_multiple=4)
    with pytest.raises(BadInputError, match="net far are at least 100 pixels"):
        tile_grid((500, 500), 99, net)
