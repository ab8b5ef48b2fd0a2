"""A live run in which one engine takes over from another: two real CPU engines stand for the CPU and the GPU."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from engines.backends import open_engine
from engines.contract import Engine, EngineOptions
from engines.errors import BackendError
from engines.net_file import NetFile
from engines.fallback import BUILDING, DONE, HotSwap, FallbackEngine
from realtime.live.options import CamOptions
from realtime.live.overlay import Notes, draw
from realtime.live.session import run_camera
from realtime.live.stage import Stage
from realtime.live.summary import CamSummary
from realtime.pipeline import ResolvedPipeline, StyleParams, open_pipeline
from realtime.user_options import StyleOptions
from tests.engines.nets import identity_net, tint_net
from tests.realtime.live.clips import write_clip

_SIZE = (64, 48)
_F32 = EngineOptions(precision="f32", depth=2)


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Every engine that is opened at once begins on OpenVINO; ONNX Runtime takes over when this is set."""
    pytest.importorskip("onnxruntime")
    ready = threading.Event()

    def opened(
        net: NetFile, size: tuple[int, int], *, backend: str, options: EngineOptions, tell: Callable[[str], None]
    ) -> Engine:
        assert backend == "auto"

        def make(cancelled: threading.Event) -> Engine:
            while not ready.wait(0.02):
                if cancelled.is_set():
                    raise BackendError("stopped")
            return open_engine(net, size, backend="onnxruntime", options=options)

        return FallbackEngine(
            open_engine(net, size, backend="openvino", options=options), make, title="Better", tell=tell
        )

    monkeypatch.setattr("realtime.pipeline.open_engine_at_once", opened)
    return ready


def _run(go: threading.Event, **told: object) -> tuple[CamSummary, list[str]]:
    """A run that ends a little after the hand-over, or at the end of its source."""
    notices: list[str] = []
    stop = threading.Event()
    timers = [threading.Timer(0.6, go.set)]

    def notify(text: str) -> None:
        notices.append(text)
        if text.startswith("now on"):
            timers.append(threading.Timer(0.5, stop.set))
            timers[-1].start()

    timers[0].start()
    options = CamOptions(styling=StyleOptions(net="fast"), headless=True, precision="f32", seconds=60, **told)  # type: ignore[arg-type]
    summary = run_camera(options, notify=notify, stop=stop)
    for timer in timers:
        timer.join()
    return summary, notices


def test_a_run_begins_on_the_cpu_is_recorded_throughout_and_says_when_it_goes_on_elsewhere(
    go: threading.Event, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    summary, notices = _run(go, source="test-pattern", size=_SIZE, fps=30.0, record=out)
    assert summary.backend == "onnxruntime"
    assert notices[0] == "Better engine for net fast is being built, the CPU paints: 0 s"
    assert notices[1:] == [summary.handovers[0]["line"]]
    assert notices[1].startswith("now on Better, net fast, after")
    assert summary.handovers[0]["state"] == DONE
    with av.open(str(out)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == summary.recorded_frames >= 20
    assert {picture.shape for picture in pictures} == {(_SIZE[1], _SIZE[0], 3)}


def test_frames_of_another_size_come_on_both_sides_of_the_handover(go: threading.Event, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", [50 * n for n in range(40)])
    summary, notices = _run(go, source=str(clip), size=(80, 80), loop=True)
    assert (summary.size, summary.backend) == ((80, 80), "onnxruntime")
    assert len([text for text in notices if "scaled and cut" in text]) == 1


def test_a_run_that_ends_before_the_engine_is_there_says_so_and_stops_the_build(go: threading.Event) -> None:
    options = CamOptions(source="test-pattern", size=_SIZE, headless=True, frames=3)
    summary = run_camera(options, notify=lambda _: None)
    assert (summary.backend, summary.handovers[0]["state"]) == ("openvino", BUILDING)
    assert not go.is_set()


def test_styles_change_and_pictures_are_enlarged_on_both_sides_of_the_handover(go: threading.Event) -> None:
    resolved, told = ResolvedPipeline(net=tint_net(), upscaler=identity_net(scale=2)), []
    frame = np.random.default_rng(0).integers(60, 180, (_SIZE[1], _SIZE[0], 3), np.uint8)
    shifts = [np.float32([0.1 * n, 0, -0.1 * n]) for n in range(8)]
    options = EngineOptions(precision="f32", depth=1)

    def paint(at_once: Callable[[str], None] | None) -> list[np.ndarray]:
        pictures = []
        with open_pipeline(resolved, _SIZE, options=options, at_once=at_once) as painter:
            for number, shift in enumerate(shifts):
                if number == 4 and at_once is not None:
                    go.set()
                    for engine in painter.engines:
                        assert isinstance(engine, FallbackEngine)
                        engine._maker.join()
                painter.submit(frame, StyleParams(vector=shift))
                pictures.append(painter.collect())
            if at_once is not None:
                assert [spec.backend for spec in painter.specs] == ["onnxruntime", "onnxruntime"]
        return pictures

    for warmed, plain in zip(paint(told.append), paint(None), strict=True):
        assert np.abs(warmed.astype(int) - plain).max() <= 1
    assert [text.startswith("now on Better") for text in told] == [False, False, True, True]


def test_the_screen_shows_what_is_being_built_and_then_that_it_paints() -> None:
    stages = [
        HotSwap(net="fast", title="TensorRT", state=BUILDING, seconds=12.3),
        HotSwap(net="fast", title="TensorRT", state=DONE, seconds=41.6),
    ]
    now = [stages[0]]
    stage = _stage(lambda: now)
    building = stage._notes()
    assert building.building == "TensorRT engine for net fast is being built, the CPU paints: 12 s"
    assert building.message == ""
    now[0] = stages[1]
    done = stage._notes()
    assert (done.building, done.message) == ("", "now on TensorRT, net fast, after 42 s")
    plain, written = (np.full((480, 640, 3), 128, np.uint8) for _ in range(2))
    draw(plain, Notes(style="wave"))
    draw(written, Notes(style="wave", building=building.building))
    changed = np.argwhere((plain != written).any(axis=2))
    assert len(changed) > 500
    assert changed[:, 0].min() > 300  # below the middle, where messages are


def _stage(handovers: Callable[[], list[HotSwap]]) -> Stage:
    from types import SimpleNamespace

    from realtime.live.controls import Palette, State

    capture = SimpleNamespace(last_ns=0, trouble=None, live=False)
    palette = Palette(names=("wave",), vectors=(None,), start=0)
    return Stage(
        State(style=0),
        palette,
        capture,  # type: ignore[arg-type]
        SimpleNamespace(began_ns=None),  # type: ignore[arg-type]
        window=None,
        folder=Path(),
        notify=lambda _: None,
        handovers=handovers,
    )
