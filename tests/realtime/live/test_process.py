"""The engine's thread with a real engine and a source that gives exactly the frames that a test wants."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.backends import open_engine
from engines.contract import Engine, EngineOptions, Picture
from engines.styles import resolve_style
from realtime.live.capture import Capture
from realtime.live.controls import FADE_NS, Controls, Key, StyleList
from realtime.live.frame import EndOfSource, LiveFrame, Timing
from realtime.live.process import FinishEstimate, FrameProcessor
from realtime.pipeline import Pipeline, StyleParams
from realtime.stats import now_ns
from tests.realtime.live.waiting import wait_until

_SIZE = (64, 48)
_MS = 1_000_000


class _Frames:
    """Pictures in memory: given when one is wanted, so that none is dropped, or each due 20 ms after the last."""

    name = "frames"

    def __init__(self, pictures: list[Picture], timing: Timing) -> None:
        self._pictures, self.timing = pictures, timing
        self._next = 0

    def read(self) -> LiveFrame:
        if self._next == len(self._pictures):
            raise EndOfSource
        self._next += 1
        picture = self._pictures[self._next - 1].copy()
        return LiveFrame(picture=picture, captured_ns=now_ns(), clock_s=self._next * 0.02)

    def rewind(self) -> None:
        self._next = 0

    def close(self) -> None:
        """Nothing to give back."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(resolve_style().net, _SIZE, options=EngineOptions(cache=None)) as made:
        yield made


class _Run:
    """Paints all pictures in this thread; `pressed` keys change the state as soon as their frame is delivered."""

    def __init__(
        self,
        engine: Engine,
        pictures: list[Picture],
        pressed: dict[int, str] | None = None,
        *,
        timing: Timing = "demand",
    ) -> None:
        udnie = resolve_style("udnie").vector
        self.controls = Controls(
            StyleList(names=("udnie", "wave"), vectors=(udnie, resolve_style("wave").vector), start=0)
        )
        self.got: list[LiveFrame] = []
        self.notices: list[str] = []
        self._pressed = pressed or {}
        self.stopping = threading.Event()
        source = _Frames(pictures, timing)
        self.capture = Capture(
            source,
            source.read() if timing == "paced" else LiveFrame(picture=pictures[0], captured_ns=0, clock_s=None),
            reopen=lambda: source,
            loop=False,
            stall_s=5,
            held=lambda: False,
            stopping=self.stopping,
            notify=self.notices.append,
        )
        self.loop = FrameProcessor(
            Pipeline(engine),
            self.capture,
            self.controls,
            deliver=self._deliver,
            stopping=self.stopping,
            notify=self.notices.append,
        )

    def run(self) -> _Run:
        thread = threading.Thread(target=self.capture.work)
        thread.start()
        try:
            self.loop.work()
        finally:
            self.stopping.set()
            thread.join()
        return self

    def _deliver(self, frame: LiveFrame) -> None:
        self.got.append(frame)
        for number in [number for number in self._pressed if number <= frame.number]:
            self.controls.handle(Key(self._pressed.pop(number)), now_ns())


def _noise(seed: int, size: tuple[int, int] = _SIZE) -> Picture:
    return np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)


def test_every_picture_is_that_of_its_own_frame_and_in_order(engine: Engine) -> None:
    frames = [_noise(n) for n in range(12)]
    run = _Run(engine, frames).run()
    assert [painted.number for painted in run.got] == list(range(1, 13))
    vector = resolve_style("udnie").vector
    for painted in run.got:
        engine.submit(frames[painted.number - 1], vector)
        np.testing.assert_array_equal(painted.result, engine.collect())


def test_an_unchanged_picture_reuses_its_result(engine: Engine) -> None:
    still = _noise(1)
    run = _Run(engine, [_noise(0), *[still] * 10, _noise(2)]).run()
    assert (run.loop.reused, run.loop.inferring.count, len(run.got)) == (9, 3, 12)
    same = [painted.result for painted in run.got if painted.picture_id == 2]
    assert len(same) == 10
    assert all(picture is same[0] for picture in same)


def test_one_pixel_that_differs_by_one_is_painted_anew(engine: Engine) -> None:
    still = _noise(1)
    changed = still.copy()
    changed[20, 30, 1] ^= 1
    run = _Run(engine, [still] * 5 + [changed] * 5).run()
    assert run.loop.inferring.count == 2


def test_an_unchanged_picture_is_painted_anew_when_the_style_or_the_strength_changes(engine: Engine) -> None:
    still = _noise(1)
    run = _Run(engine, [still] * 50, {5: "n", 40: "-"}, timing="paced").run()
    fading = [painted for painted in run.got if 7 <= painted.number <= 20]
    assert len({painted.result.tobytes() for painted in fading}) == len(fading)
    wave = resolve_style("wave").vector
    engine.submit(still, wave)
    painted_whole = engine.collect()
    before = [painted for painted in run.got if 34 <= painted.number <= 39]
    assert before
    for painted in before:
        np.testing.assert_array_equal(painted.result, painted_whole)
    assert (run.got[-1].result != painted_whole).any()


def test_a_paused_picture_is_painted_again_in_the_new_style_and_is_no_new_frame(engine: Engine) -> None:
    run = _Run(engine, [_noise(n) for n in range(30)], {3: " "})

    def viewer() -> None:
        try:
            wait_until(lambda: run.controls.state.paused)
            switched_ns = now_ns()
            run.controls.handle(Key("n"), switched_ns)
            wait_until(lambda: now_ns() > switched_ns + FADE_NS)
            wait_until(lambda: run.got[-1].settings.token == run.controls.settings(now_ns()).token)
        finally:
            run.stopping.set()

    thread = threading.Thread(target=viewer)
    thread.start()
    run.run()
    thread.join()
    again = [painted for painted in run.got if painted.again]
    assert len(again) >= 3
    last = run.got[-1]
    assert last.again
    engine.submit(last.original, resolve_style("wave").vector)
    np.testing.assert_array_equal(last.result, engine.collect())


def test_a_mirrored_frame_is_painted_mirrored(engine: Engine) -> None:
    frame = _noise(3)
    run = _Run(engine, [frame] * 3)
    run.controls.handle(Key("m"), 0)
    run.run()
    np.testing.assert_array_equal(run.got[0].original, frame[:, ::-1])


def test_frames_of_another_size_are_fitted_and_this_is_said_once_for_a_size(engine: Engine) -> None:
    sizes = [_SIZE, (200, 100), (200, 100), _SIZE, (30, 90), (200, 100)]
    run = _Run(engine, [_noise(n, size) for n, size in enumerate(sizes) for _ in range(3)]).run()
    assert all(painted.result.shape == (48, 64, 3) for painted in run.got)
    assert sorted(run.notices) == [
        "frames of 200x100 come and are scaled and cut to 64x48",
        "frames of 30x90 come and are scaled and cut to 64x48",
    ]


def test_an_engine_that_fails_ends_the_loop_with_its_error(engine: Engine) -> None:
    from engines.errors import BadInputError

    run = _Run(engine, [_noise(0)] * 3)
    wrong = StyleParams(vector=np.zeros(3, np.float32))
    run.controls.styles = StyleList(names=("wrong",), vectors=(wrong.vector,), start=0)
    with pytest.raises(BadInputError, match="expected a style"):
        run.run()


@given(work_ms=st.floats(3, 500))
def test_the_next_frame_is_asked_for_shortly_before_the_end_of_the_last(work_ms: float) -> None:
    estimate = FinishEstimate()
    assert estimate.spare_ns(0, 0) == 0
    for _ in range(50):
        estimate.worked(round(work_ms * _MS), waited_ns=_MS)
    spare_ns = estimate.spare_ns(0, 0)
    assert 0.5 * work_ms * _MS < spare_ns < work_ms * _MS


def test_a_forecast_that_is_too_long_shrinks_until_somebody_waits_again() -> None:
    """After a slow frame nobody would ever wait, and nothing would be learnt, if it did not."""
    estimate = FinishEstimate()
    estimate.worked(200 * _MS, waited_ns=_MS)
    for _ in range(200):
        spare_ns = estimate.spare_ns(0, 0)
        took_ns = max(20 * _MS, spare_ns)  # the engine needs 20 ms, and is collected after the wait
        estimate.worked(took_ns, waited_ns=max(0, 20 * _MS - spare_ns))
    assert 10 * _MS < estimate.spare_ns(0, 0) < 20 * _MS
