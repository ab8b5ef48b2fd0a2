from __future__ import annotations

import numpy as np
import pytest

import rtstyle
from engines.library import user_folder
from realtime.pictures import paint
from rtstyle import api as module
from tests.engines.nets import add_net
from tests.engines.tiled_nets import affine_net


def test_a_large_frame_is_painted_in_tiles_as_if_it_were_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (130, 180, 3), np.uint8)
    frame[:, 90:] //= 4
    add_net(user_folder(), affine_net())
    with rtstyle.Stylizer(net="affine", precision="f32") as stylizer:
        whole = stylizer(frame)
        monkeypatch.setattr(paint, "TILE_SIDE", 128)
        monkeypatch.setattr(paint, "WHOLE_UP_TO", 100 * 100)
        monkeypatch.setattr(module, "WHOLE_UP_TO", 100 * 100)
        stylizer.close()  # the engine for the whole frame must not be what paints
        tiled = stylizer(frame)
        assert stylizer._pipeline is None
    assert np.abs(whole.astype(np.int16) - tiled).max() <= 1
