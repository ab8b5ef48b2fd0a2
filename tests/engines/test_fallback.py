"""The hot swap of an engine for a better one, with two real CPU engines."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from engines.backends import open_engine
from engines.contract import Engine, EngineOptions
from engines.errors import BackendError, BadInputError
from engines.fallback import BUILDING, DONE, FAILED, FallbackEngine, open_engine_at_once
from tests.engines.contract import flat, picture
from tests.engines.nets import identity_net

_SIZE = (48, 32)
_LATER = EngineOptions(depth=2, precision="f32")


def _open(backend: str = "openvino") -> Engine:
    return open_engine(identity_net(), _SIZE, backend=backend, options=_LATER)


class _Recorded:
    """Counts how often an engine is closed."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.closed = engine, 0
        self.spec, self.depth = engine.spec, engine.depth
        self.submit, self.collect = engine.submit, engine.collect

    def close(self) -> None:
        self.closed += 1
        self.engine.close()


def _after(go: threading.Event, made: list[_Recorded]) -> Callable[[threading.Event], Engine]:
    def make(cancelled: threading.Event) -> Engine:
        del cancelled
        assert go.wait(10)
        made.append(_Recorded(_open()))
        return made[0]  # type: ignore[return-value]

    return make


def test_frames_go_through_the_hot_swap_in_order_and_the_first_engine_is_closed() -> None:
    go, made, first = threading.Event(), [], _Recorded(_open())
    with FallbackEngine(first, _after(go, made), title="Better") as engine:  # type: ignore[arg-type]
        frames = [picture(_SIZE, seed) for seed in range(6)]
        engine.submit(frames[0])
        engine.submit(frames[1])
        go.set()
        assert engine.wait_ready(10)
        assert np.array_equal(engine.collect(), frames[0])
        engine.submit(frames[2])  # on the new engine, while the old one still has a frame
        assert first.closed == 0
        assert np.array_equal(engine.collect(), frames[1])
        assert first.closed == 1
        engine.submit(frames[3])
        assert np.array_equal(engine.collect(), frames[2])
        assert np.array_equal(engine.collect(), frames[3])
        assert engine.spec is made[0].spec
    assert (first.closed, made[0].closed) == (1, 1)


def test_an_engine_that_cannot_be_made_is_said_and_the_first_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def make(_: threading.Event) -> Engine:
        raise BackendError("out of memory")

    with FallbackEngine(_open(), make, title="Better") as engine:
        assert engine.wait_ready(10)
        engine.submit(flat(_SIZE, 9))
        assert np.array_equal(engine.collect(), flat(_SIZE, 9))
        assert engine.swap.state == FAILED
    assert "no Better engine for net same, the CPU goes on: out of memory" in caplog.text


def test_what_a_vendor_raises_is_one_line_and_the_first_engine_goes_on() -> None:
    told: list[str] = []

    def make(_: threading.Event) -> Engine:
        raise ZeroDivisionError("two\nlines")

    with FallbackEngine(_open(), make, title="Better", tell=told.append) as engine:
        assert engine.wait_ready(10)
        engine.submit(flat(_SIZE, 9))
        assert np.array_equal(engine.collect(), flat(_SIZE, 9))
    assert told[1:] == ["no Better engine for net same, the CPU goes on: ZeroDivisionError: two lines"]


def test_the_viewer_can_be_told_how_long_it_has_taken_and_that_it_is_done() -> None:
    go, told = threading.Event(), []
    with FallbackEngine(_open(), _after(go, []), title="Better", tell=told.append) as engine:
        assert told == ["Better engine for net same is being built, the CPU paints: 0 s"]
        assert engine.swap.state == BUILDING
        go.set()
        assert engine.wait_ready(10)
        assert engine.swap.state == BUILDING  # it paints nothing yet
        taken_s = engine.swap.seconds
        engine.submit(flat(_SIZE, 1))
        assert (engine.swap.state, engine.swap.seconds) == (DONE, taken_s)
        assert told[1:] == [engine.swap.line]
        assert told[1].startswith("now on Better, net same, after")


def test_engines_are_built_one_after_the_other_and_closing_does_not_wait_for_the_queue() -> None:
    first, second = threading.Event(), threading.Event()

    def build(cancelled: threading.Event) -> Engine:
        first.set()
        assert cancelled.wait(10)
        raise BackendError("stopped")

    def never(_: threading.Event) -> Engine:
        second.set()
        return _open()

    with FallbackEngine(_open(), build, title="Better"):
        assert first.wait(10)
        with FallbackEngine(_open(), never, title="Better"):
            pass
    assert not second.is_set()


def test_somebody_who_closes_an_engine_is_told_what_the_wait_is_for() -> None:
    told: list[str] = []
    go = threading.Event()

    def tell(text: str) -> None:
        told.append(text)
        if text.startswith("waiting"):
            go.set()

    FallbackEngine(_open(), _after(go, []), title="Better", tell=tell, patience_s=0.05).close()
    assert told[-1] == "waiting for the build of the Better engine to stop"


def test_closing_stops_the_build_and_closes_what_it_made() -> None:
    made: list[_Recorded] = []

    def make(cancelled: threading.Event) -> Engine:
        assert cancelled.wait(10)
        made.append(_Recorded(_open()))
        return made[0]  # type: ignore[return-value]

    first = _Recorded(_open())
    engine = FallbackEngine(first, make, title="Better")  # type: ignore[arg-type]
    engine.submit(flat(_SIZE, 1))
    engine.close()
    engine.close()
    assert (first.closed, made[0].closed) == (1, 1)


def test_the_limits_are_those_of_every_engine() -> None:
    with FallbackEngine(_open(), lambda _: _open(), title="Better") as engine:
        with pytest.raises(RuntimeError, match="nothing is in flight"):
            engine.collect()
        with pytest.raises(BadInputError):
            engine.submit(flat((16, 16), 1))
        engine.submit(flat(_SIZE, 1))
        engine.submit(flat(_SIZE, 2))
        with pytest.raises(RuntimeError, match="in flight already"):
            engine.submit(flat(_SIZE, 3))
    with pytest.raises(RuntimeError, match="closed"):
        engine.submit(flat(_SIZE, 3))


def test_without_a_gpu_the_engine_is_opened_as_ever() -> None:
    with open_engine_at_once(identity_net(), _SIZE, backend="openvino") as engine:
        assert not isinstance(engine, FallbackEngine)
        engine.submit(flat(_SIZE, 5))
        assert np.array_equal(engine.collect(), flat(_SIZE, 5))
