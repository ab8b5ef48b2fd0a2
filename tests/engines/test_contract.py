"""One suite over every backend: whatever is called an Engine does this. A new backend joins with one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.backends import open_engine, reports
from engines.contract import PRECISIONS, Engine, EngineOptions, Picture
from engines.errors import BackendError, BadInputError
from engines.look import look
from engines.net_file import NetFile
from tests.engines.nets import identity_net, shift_net, tint_net, vector

CANDIDATES = [
    pytest.param(("openvino", "f32"), id="openvino-f32"),
    pytest.param(("openvino", None), id="openvino"),
    pytest.param(("onnxruntime", None), id="onnxruntime"),
]
SIZES = [(16, 16), (17, 16), (16, 31), (33, 47), (50, 18), (97, 16), (64, 64), (321, 183)]
BLACK = vector(0, 0, 0)

Open = Callable[..., Engine]


@pytest.fixture(params=CANDIDATES)
def open_one(request: pytest.FixtureRequest) -> Open:
    """Opens an engine of the backend under test."""
    backend, precision = request.param
    report = next(report for report in reports() if report.name == backend)
    if not report.usable:
        pytest.skip(report.text)

    def opened(net: NetFile, size: tuple[int, int], **options: Any) -> Engine:
        return open_engine(net, size, backend=backend, options=EngineOptions(precision=precision, **options))

    return opened


def _picture(size: tuple[int, int], seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def _flat(size: tuple[int, int], value: int) -> Picture:
    return np.full((size[1], size[0], 3), value, np.uint8)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_any_size_gives_the_same_size_back(open_one: Open, size: tuple[int, int]) -> None:
    frame = _picture(size)
    for multiple in (1, 4, 64):  # 64 mirrors the picture more than once around the smallest sizes
        with open_one(identity_net(size_multiple=multiple), size) as engine:
            engine.submit(frame)
            assert np.array_equal(engine.collect(), frame)


@settings(max_examples=8, deadline=None)
@given(width=st.integers(16, 90), height=st.integers(16, 90), multiple=st.integers(1, 16))
def test_any_size_and_multiple_gives_the_frame_back(width: int, height: int, multiple: int) -> None:
    frame = _picture((width, height))
    for candidate in CANDIDATES:
        backend, precision = candidate.values[0]  # type: ignore[misc]
        if next(report for report in reports() if report.name == backend).usable:
            options = EngineOptions(precision=precision)
            net = identity_net(size_multiple=multiple)
            with open_engine(net, (width, height), backend=backend, options=options) as engine:
                engine.submit(frame)
                assert np.array_equal(engine.collect(), frame)


@pytest.mark.parametrize("size", [(16, 16), (75, 50)], ids=str)
def test_the_shipped_net_paints_a_picture_of_the_frames_size(open_one: Open, size: tuple[int, int]) -> None:
    udnie = look("udnie")
    frame = _picture(size)
    with open_one(udnie.net, size) as engine:
        engine.submit(frame, udnie.vector)
        engine.submit(frame, look("wave", net=udnie.net.spec.name).vector)
        first, second = engine.collect(), engine.collect()
    assert first.shape == second.shape == frame.shape
    assert first.dtype == np.uint8
    assert first.std() > 1  # a picture, not one colour
    assert not np.array_equal(first, second)  # the style is heard


def test_behind_its_edges_a_picture_is_mirrored(open_one: Open) -> None:
    size = (17, 19)
    frame = _picture(size)
    padded = np.pad(frame, ((0, 32 - 19), (0, 32 - 17), (0, 0)), mode="reflect")
    with open_one(shift_net(5, size_multiple=16), size) as engine:
        engine.submit(frame)
        assert np.array_equal(engine.collect(), padded[5 : 19 + 5, 5 : 17 + 5])


@pytest.mark.parametrize("scale", [2, 3])
def test_a_net_that_enlarges_gives_a_larger_picture(open_one: Open, scale: int) -> None:
    frame = _picture((21, 17))
    with open_one(identity_net(scale=scale, size_multiple=4), (21, 17)) as engine:
        assert engine.spec.output_size == (21 * scale, 17 * scale)
        engine.submit(frame)
        assert np.array_equal(engine.collect(), frame.repeat(scale, 0).repeat(scale, 1))


@pytest.mark.parametrize("size", [(15, 16), (16, 15), (1, 1), (0, 100)], ids=str)
def test_a_size_below_16x16_is_bad_input(open_one: Open, size: tuple[int, int]) -> None:
    with pytest.raises(BadInputError, match="16x16"):
        open_one(identity_net(), size)


def test_an_engine_says_what_it_is(open_one: Open) -> None:
    net = tint_net()
    with open_one(net, (33, 20), depth=3) as engine:
        assert engine.depth == 3
        assert engine.spec.net == net.spec
        assert engine.spec.size == engine.spec.output_size == (33, 20)
        assert engine.spec.precision in PRECISIONS
        assert engine.spec.device


@pytest.mark.parametrize("depth", [1, 2, 3, 8])
def test_pictures_come_in_the_order_of_the_frames(open_one: Open, depth: int) -> None:
    size = (64, 48)
    came = []
    with open_one(tint_net(), size, depth=depth) as engine:
        for number in range(25):
            if number >= depth:
                came.append(engine.collect())
            engine.submit(_flat(size, number), vector(0, number, 100))
        while len(came) < 25:
            came.append(engine.collect())
    for number, picture in enumerate(came):
        expected = np.broadcast_to(np.array([number, 2 * number, number + 100], np.uint8), picture.shape)
        assert np.array_equal(picture, expected), number


def test_a_frame_beyond_the_depth_is_refused_and_disturbs_nothing(open_one: Open) -> None:
    size = (16, 16)
    with open_one(tint_net(), size, depth=2) as engine:
        engine.submit(_flat(size, 1), BLACK)
        engine.submit(_flat(size, 2), BLACK)
        with pytest.raises(RuntimeError, match="in flight"):
            engine.submit(_flat(size, 3), BLACK)
        assert [int(engine.collect()[0, 0, 0]) for _ in range(2)] == [1, 2]


def test_collect_with_nothing_in_flight_is_refused(open_one: Open) -> None:
    with open_one(identity_net(), (16, 16)) as engine:
        with pytest.raises(RuntimeError, match="nothing is in flight"):
            engine.collect()
        engine.submit(_flat((16, 16), 7))
        engine.collect()
        with pytest.raises(RuntimeError, match="nothing is in flight"):
            engine.collect()


def test_what_is_submitted_is_copied(open_one: Open) -> None:
    size = (200, 150)
    frame, style = _flat(size, 10), vector(1, 2, 3)
    with open_one(tint_net(), size) as engine:
        engine.submit(frame, style)
        frame[:] = 99
        style[:] = 99
        assert engine.collect()[0, 0].tolist() == [11, 12, 13]


def test_a_picture_belongs_to_the_caller(open_one: Open) -> None:
    size = (32, 32)
    with open_one(identity_net(), size, depth=1) as engine:
        engine.submit(_flat(size, 1))
        first = engine.collect()
        engine.submit(_flat(size, 2))
        second = engine.collect()
        assert (first == 1).all()
        first[:] = 200  # writing into it reaches neither the engine nor other pictures
        engine.submit(_flat(size, 3))
        assert (engine.collect() == 3).all()
    assert (second == 2).all()  # and it outlives the engine


def test_collect_fills_the_array_that_it_is_given(open_one: Open) -> None:
    frame = _picture((20, 30))
    canvas = np.zeros((30, 60, 3), np.uint8)
    with open_one(identity_net(), (20, 30)) as engine:
        engine.submit(frame)
        out = canvas[:, 20:40]
        assert engine.collect(out) is out
    assert np.array_equal(canvas[:, 20:40], frame)
    assert not canvas[:, :20].any()
    assert not canvas[:, 40:].any()


@pytest.mark.parametrize(
    "out", [np.zeros((20, 30, 3), np.uint8), np.zeros((30, 20, 3), np.float32), [[0]]], ids=["shape", "dtype", "list"]
)
def test_collect_into_a_wrong_array_is_bad_input_and_keeps_the_picture(open_one: Open, out: Any) -> None:
    with open_one(identity_net(), (20, 30)) as engine:
        engine.submit(_flat((20, 30), 5))
        with pytest.raises(BadInputError, match="expected out as uint8"):
            engine.collect(out)
        assert (engine.collect() == 5).all()


def test_a_frame_may_be_a_view_with_any_strides(open_one: Open) -> None:
    large = _picture((80, 60))
    views = [large[::-1, ::-1], large[::2, ::2].repeat(2, 0).repeat(2, 1), large[..., ::-1]]
    with open_one(identity_net(size_multiple=16), (80, 60)) as engine:
        for view in views:
            engine.submit(view)
            assert np.array_equal(engine.collect(), view)


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
        engine.submit(_flat((16, 16), 0), style)


def test_a_style_for_a_net_without_styles_is_bad_input(open_one: Open) -> None:
    with open_one(identity_net(), (16, 16)) as engine, pytest.raises(BadInputError, match="takes no style"):
        engine.submit(_flat((16, 16), 0), BLACK)


def test_close_twice_is_harmless(open_one: Open) -> None:
    engine = open_one(identity_net(), (16, 16))
    engine.close()
    engine.close()


def test_close_waits_for_frames_in_flight(open_one: Open) -> None:
    udnie = look("udnie")
    engine = open_one(udnie.net, (320, 240), depth=3)
    for _ in range(3):
        engine.submit(_picture((320, 240)), udnie.vector)
    engine.close()


def test_a_closed_engine_refuses_work(open_one: Open) -> None:
    engine = open_one(identity_net(), (16, 16))
    engine.submit(_flat((16, 16), 0))
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        engine.submit(_flat((16, 16), 0))
    with pytest.raises(RuntimeError):
        engine.collect()


def test_the_with_statement_closes_and_lets_the_bodys_error_through(open_one: Open) -> None:
    class BodyError(Exception):
        pass

    engine = open_one(identity_net(), (16, 16))
    with pytest.raises(BodyError), engine:
        engine.submit(_flat((16, 16), 0))
        raise BodyError
    with pytest.raises(RuntimeError, match="closed"):
        engine.submit(_flat((16, 16), 0))


def test_the_same_frame_and_style_give_the_same_picture(open_one: Open) -> None:
    udnie = look("udnie")
    frame = _picture((96, 64))
    with open_one(udnie.net, (96, 64)) as engine:
        engine.submit(frame, udnie.vector)
        engine.submit(frame, udnie.vector)
        assert np.array_equal(engine.collect(), engine.collect())


def test_two_engines_do_not_mix_their_frames(open_one: Open) -> None:
    with open_one(tint_net(), (16, 16)) as one, open_one(tint_net(), (40, 30)) as other:
        one.submit(_flat((16, 16), 1), BLACK)
        other.submit(_flat((40, 30), 2), BLACK)
        assert (one.collect() == 1).all()
        assert (other.collect() == 2).all()


def test_threads_may_be_set(open_one: Open) -> None:
    frame = _picture((64, 64))
    with open_one(identity_net(), (64, 64), threads=1) as engine:
        engine.submit(frame)
        assert np.array_equal(engine.collect(), frame)


@pytest.mark.parametrize("options", [{"depth": 0}, {"depth": 9}, {"threads": 0}], ids=str)
def test_options_out_of_range_are_bad_input(open_one: Open, options: dict[str, int]) -> None:
    with pytest.raises(BadInputError):
        open_one(identity_net(), (16, 16), **options)


def test_a_net_that_gives_another_size_than_it_says_is_an_error(open_one: Open) -> None:
    """The file says x1, the graph enlarges x2: nobody may get a corner of the picture for the picture."""
    wrong = identity_net(scale=2)
    wrong = replace(wrong, spec=replace(wrong.spec, scale=1))
    with pytest.raises(BackendError, match="expected"), open_one(wrong, (16, 16)) as engine:
        engine.submit(_flat((16, 16), 0))
        engine.collect()
