"""One suite over every backend: what an Engine refuses, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engines.errors import BackendError, BadInputError
from engines.styles import resolve_style
from tests.engines.contract import Open, flat, picture
from tests.engines.nets import identity_net, tint_net, vector

BLACK = vector(0, 0, 0)


@pytest.mark.parametrize("size", [(15, 16), (16, 15), (1, 1), (0, 100)], ids=str)
def test_a_size_below_16x16_is_bad_input(open_one: Open, size: tuple[int, int]) -> None:
    with pytest.raises(BadInputError, match="16x16"):
        open_one(identity_net(), size)


def test_a_frame_beyond_the_depth_is_refused_and_disturbs_nothing(open_one: Open) -> None:
    size = (16, 16)
    with open_one(tint_net(), size, depth=2) as engine:
        engine.submit(flat(size, 1), BLACK)
        engine.submit(flat(size, 2), BLACK)
        with pytest.raises(RuntimeError, match="in flight"):
            engine.submit(flat(size, 3), BLACK)
        assert [int(engine.collect()[0, 0, 0]) for _ in range(2)] == [1, 2]


def test_collect_with_nothing_in_flight_is_refused(open_one: Open) -> None:
    with open_one(identity_net(), (16, 16)) as engine:
        with pytest.raises(RuntimeError, match="nothing is in flight"):
            engine.collect()
        engine.submit(flat((16, 16), 7))
        engine.collect()
        with pytest.raises(RuntimeError, match="nothing is in flight"):
            engine.collect()


@pytest.mark.parametrize(
    "out", [np.zeros((20, 30, 3), np.uint8), np.zeros((30, 20, 3), np.float32), [[0]]], ids=["shape", "dtype", "list"]
)
def test_collect_into_a_wrong_array_is_bad_input_and_keeps_thepicture(open_one: Open, out: Any) -> None:
    with open_one(identity_net(), (20, 30)) as engine:
        engine.submit(flat((20, 30), 5))
        with pytest.raises(BadInputError, match="expected out as uint8"):
            engine.collect(out)
        assert (engine.collect() == 5).all()


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((16, 24, 3), np.uint8),
        np.zeros((24, 16, 4), np.uint8),
        np.zeros((24, 16), np.uint8),
        np.zeros((1, 24, 16, 3), np.uint8),
        np.zeros((24, 16, 3), np.float32),
        np.zeros((24, 16, 3), np.int8),
        None,
        [[0, 0, 0]],
    ],
    ids=["turned", "alpha", "grey", "batch", "float", "int8", "none", "list"],
)
def test_a_wrong_frame_is_bad_input(open_one: Open, frame: Any) -> None:
    with open_one(tint_net(), (16, 24)) as engine:
        with pytest.raises(BadInputError, match="expected a frame as uint8"):
            engine.submit(frame, BLACK)
        engine.submit(np.zeros((24, 16, 3), np.uint8), BLACK)  # and takes no slot
        engine.collect()


@pytest.mark.parametrize(
    "style",
    [None, np.zeros(4, np.float32), np.zeros((1, 3), np.float32), np.zeros(3, np.float64), [0.0, 0.0, 0.0]],
    ids=["none", "length", "batch", "float64", "list"],
)
def test_a_wrong_style_is_bad_input(open_one: Open, style: Any) -> None:
    with open_one(tint_net(), (16, 16)) as engine, pytest.raises(BadInputError, match="style"):
        engine.submit(flat((16, 16), 0), style)


def test_a_style_for_a_net_without_styles_is_bad_input(open_one: Open) -> None:
    with open_one(identity_net(), (16, 16)) as engine, pytest.raises(BadInputError, match="takes no style"):
        engine.submit(flat((16, 16), 0), BLACK)


def test_close_twice_is_harmless(open_one: Open) -> None:
    engine = open_one(identity_net(), (16, 16))
    engine.close()
    engine.close()


def test_close_waits_for_frames_in_flight(open_one: Open) -> None:
    udnie = resolve_style("udnie")
    engine = open_one(udnie.net, (320, 240), depth=3)
    for _ in range(3):
        engine.submit(picture((320, 240)), udnie.vector)
    engine.close()


def test_a_closed_engine_refuses_work(open_one: Open) -> None:
    engine = open_one(identity_net(), (16, 16))
    engine.submit(flat((16, 16), 0))
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        engine.submit(flat((16, 16), 0))
    with pytest.raises(RuntimeError):
        engine.collect()


def test_the_with_statement_closes_and_lets_the_bodys_error_through(open_one: Open) -> None:
    class BodyError(Exception):
        pass

    engine = open_one(identity_net(), (16, 16))
    with pytest.raises(BodyError), engine:
        engine.submit(flat((16, 16), 0))
        raise BodyError
    with pytest.raises(RuntimeError, match="closed"):
        engine.submit(flat((16, 16), 0))


@pytest.mark.parametrize("options", [{"depth": 0}, {"depth": 9}, {"threads": 0}], ids=str)
def test_options_out_of_range_are_bad_input(open_one: Open, options: dict[str, int]) -> None:
    with pytest.raises(BadInputError):
        open_one(identity_net(), (16, 16), **options)


def test_a_net_that_gives_another_size_than_it_says_is_an_error(open_one: Open) -> None:
    """The file says x1, the graph enlarges x2: nobody may get a corner of the picture for the picture."""
    wrong = identity_net(scale=2)
    wrong = replace(wrong, spec=replace(wrong.spec, scale=1))
    with pytest.raises(BackendError, match="expected"), open_one(wrong, (16, 16)) as engine:
        engine.submit(flat((16, 16), 0))
        engine.collect()
