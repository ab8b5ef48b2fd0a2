"""One suite over every backend: whatever is called an Engine paints like this."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.backends import open_engine, reports
from engines.contract import PRECISIONS, EngineOptions
from engines.styles import resolve_style
from tests.engines.contract import CANDIDATES, Open, flat, picture
from tests.engines.nets import identity_net, shift_net, tint_net, vector

SIZES = [(16, 16), (17, 16), (16, 31), (33, 47), (50, 18), (97, 16), (64, 64), (321, 183)]
BLACK = vector(0, 0, 0)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_any_size_gives_the_same_size_back(open_one: Open, size: tuple[int, int]) -> None:
    frame = picture(size)
    for multiple in (1, 4, 64):  # 64 mirrors the picture more than once around the smallest sizes
        with open_one(identity_net(size_multiple=multiple), size) as engine:
            engine.submit(frame)
            assert np.array_equal(engine.collect(), frame)


@settings(max_examples=8, deadline=None)
@given(width=st.integers(16, 90), height=st.integers(16, 90), multiple=st.integers(1, 16))
def test_any_size_and_multiple_gives_the_frame_back(width: int, height: int, multiple: int) -> None:
    frame = picture((width, height))
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
    udnie = resolve_style("udnie")
    frame = picture(size)
    with open_one(udnie.net, size) as engine:
        engine.submit(frame, udnie.vector)
        engine.submit(frame, resolve_style("wave", net=udnie.net.spec.name).vector)
        first, second = engine.collect(), engine.collect()
    assert first.shape == second.shape == frame.shape
    assert first.dtype == np.uint8
    assert first.std() > 1  # a picture, not one colour
    assert not np.array_equal(first, second)  # the style is heard


def test_behind_its_edges_a_picture_is_mirrored(open_one: Open) -> None:
    size = (17, 19)
    frame = picture(size)
    padded = np.pad(frame, ((0, 32 - 19), (0, 32 - 17), (0, 0)), mode="reflect")
    with open_one(shift_net(5, size_multiple=16), size) as engine:
        engine.submit(frame)
        assert np.array_equal(engine.collect(), padded[5 : 19 + 5, 5 : 17 + 5])


@pytest.mark.parametrize("scale", [2, 3])
def test_a_net_that_enlarges_gives_a_largerpicture(open_one: Open, scale: int) -> None:
    frame = picture((21, 17))
    with open_one(identity_net(scale=scale, size_multiple=4), (21, 17)) as engine:
        assert engine.spec.output_size == (21 * scale, 17 * scale)
        engine.submit(frame)
        assert np.array_equal(engine.collect(), frame.repeat(scale, 0).repeat(scale, 1))


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
            engine.submit(flat(size, number), vector(0, number, 100))
        while len(came) < 25:
            came.append(engine.collect())
    for number, painted in enumerate(came):
        expected = np.broadcast_to(np.array([number, 2 * number, number + 100], np.uint8), painted.shape)
        assert np.array_equal(painted, expected), number


def test_what_is_submitted_is_copied(open_one: Open) -> None:
    size = (200, 150)
    frame, style = flat(size, 10), vector(1, 2, 3)
    with open_one(tint_net(), size) as engine:
        engine.submit(frame, style)
        frame[:] = 99
        style[:] = 99
        assert engine.collect()[0, 0].tolist() == [11, 12, 13]


def test_a_picture_belongs_to_the_caller(open_one: Open) -> None:
    size = (32, 32)
    with open_one(identity_net(), size, depth=1) as engine:
        engine.submit(flat(size, 1))
        first = engine.collect()
        engine.submit(flat(size, 2))
        second = engine.collect()
        assert (first == 1).all()
        first[:] = 200  # writing into it reaches neither the engine nor other pictures
        engine.submit(flat(size, 3))
        assert (engine.collect() == 3).all()
    assert (second == 2).all()  # and it outlives the engine


def test_collect_fills_the_array_that_it_is_given(open_one: Open) -> None:
    frame = picture((20, 30))
    canvas = np.zeros((30, 60, 3), np.uint8)
    with open_one(identity_net(), (20, 30)) as engine:
        engine.submit(frame)
        out = canvas[:, 20:40]
        assert engine.collect(out) is out
    assert np.array_equal(canvas[:, 20:40], frame)
    assert not canvas[:, :20].any()
    assert not canvas[:, 40:].any()


def test_a_frame_may_be_a_view_with_any_strides(open_one: Open) -> None:
    large = picture((80, 60))
    views = [large[::-1, ::-1], large[::2, ::2].repeat(2, 0).repeat(2, 1), large[..., ::-1]]
    with open_one(identity_net(size_multiple=16), (80, 60)) as engine:
        for view in views:
            engine.submit(view)
            assert np.array_equal(engine.collect(), view)


def test_the_same_frame_and_style_give_the_samepicture(open_one: Open) -> None:
    udnie = resolve_style("udnie")
    frame = picture((96, 64))
    with open_one(udnie.net, (96, 64)) as engine:
        engine.submit(frame, udnie.vector)
        engine.submit(frame, udnie.vector)
        assert np.array_equal(engine.collect(), engine.collect())


def test_two_engines_do_not_mix_their_frames(open_one: Open) -> None:
    with open_one(tint_net(), (16, 16)) as one, open_one(tint_net(), (40, 30)) as other:
        one.submit(flat((16, 16), 1), BLACK)
        other.submit(flat((40, 30), 2), BLACK)
        assert (one.collect() == 1).all()
        assert (other.collect() == 2).all()


def test_threads_may_be_set(open_one: Open) -> None:
    frame = picture((64, 64))
    with open_one(identity_net(), (64, 64), threads=1) as engine:
        engine.submit(frame)
        assert np.array_equal(engine.collect(), frame)
