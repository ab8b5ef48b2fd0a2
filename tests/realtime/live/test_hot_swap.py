"""A live run in which one engine takes over from another: two real CPU engines stand for the CPU and the GPU."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from engines.backends import open_engine
from engines.contract import Engine, EngineOptions, Picture
from engines.errors import BackendError
from engines.fallback import BUILDING, DONE, FallbackEngine
from engines.net_file import NetFile
from realtime.live.session import CamOptions, CamSummary, run_camera
from realtime.pipeline import ResolvedPipeline, StyleParams, open_pipeline
from realtime.user_options import StyleOptions
from tests.engines.nets import identity_net, tint_net
from tests.realtime.live.clips import write_clip
from tests.realtime.live.waiting import wait_until

_SIZE = (64, 48)
_F32 = EngineOptions(precision="f32", depth=2)


class _Go(threading.Event):
    """Set it, and ONNX Runtime takes over from OpenVINO. Counts what each has painted."""

    def __init__(self) -> None:
        super().__init__()
        self.painted = {"openvino": 0, "onnxruntime": 0}

    def counted(self, engine: Engine) -> Engine:
        collect, name = engine.collect, engine.spec.backend

        def counting(out: Picture | None = None) -> Picture:
            self.painted[name] += 1
            return collect(out)

        engine.collect = counting  # type: ignore[method-assign]
        return engine


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> _Go:
    """Every engine that is opened at once begins on OpenVINO."""
    pytest.importorskip("onnxruntime")
    ready = _Go()

    def opened(
        net: NetFile, size: tuple[int, int], *, backend: str, options: EngineOptions, tell: Callable[[str], None]
    ) -> Engine:
        assert backend == "auto"

        def make(cancelled: threading.Event) -> Engine:
            while not ready.wait(0.02):
                if cancelled.is_set():
                    raise BackendError("stopped")
            return ready.counted(open_engine(net, size, backend="onnxruntime", options=options))

        first = ready.counted(open_engine(net, size, backend="openvino", options=options))
        return FallbackEngine(first, make, title="Better", tell=tell)

    monkeypatch.setattr("realtime.pipeline.open_engine_at_once", opened)
    return ready


def _run(go: _Go, **told: object) -> tuple[CamSummary, list[str]]:
    """A run in which each engine paints some frames."""
    notices: list[str] = []
    stop = threading.Event()

    def viewer() -> None:
        try:
            wait_until(lambda: go.painted["openvino"] >= 15)
            go.set()
            wait_until(lambda: go.painted["onnxruntime"] >= 15)
        finally:
            stop.set()

    thread = threading.Thread(target=viewer)
    thread.start()
    options = CamOptions(styling=StyleOptions(net="fast"), headless=True, precision="f32", seconds=120, **told)  # type: ignore[arg-type]
    summary = run_camera(options, notify=notices.append, stop=stop)
    thread.join()
    return summary, notices


def test_a_run_begins_on_the_cpu_is_recorded_throughout_and_says_when_it_goes_on_elsewhere(
    go: _Go, tmp_path: Path
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


def test_frames_of_another_size_come_on_both_sides_of_the_hot_swap(go: _Go, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", [50 * n for n in range(40)])
    summary, notices = _run(go, source=str(clip), size=(80, 80), loop=True)
    assert (summary.size, summary.backend) == ((80, 80), "onnxruntime")
    assert len([text for text in notices if "scaled and cut" in text]) == 1


def test_a_run_that_ends_before_the_engine_is_there_says_so_and_stops_the_build(go: _Go) -> None:
    options = CamOptions(source="test-pattern", size=_SIZE, headless=True, frames=3)
    summary = run_camera(options, notify=lambda _: None)
    assert (summary.backend, summary.handovers[0]["state"]) == ("openvino", BUILDING)
    assert not go.is_set()


def test_styles_change_and_pictures_are_enlarged_on_both_sides_of_the_hot_swap(go: _Go) -> None:
    resolved, told = ResolvedPipeline(net=tint_net(), upscaler=identity_net(scale=2)), []
    frame = np.random.default_rng(0).integers(60, 180, (_SIZE[1], _SIZE[0], 3), np.uint8)
    shifts = [np.float32([0.1 * n, 0, -0.1 * n]) for n in range(8)]
    options = EngineOptions(precision="f32", depth=1)

    def paint(at_once: Callable[[str], None] | None) -> list[np.ndarray]:
        pictures = []
        with open_pipeline(resolved, _SIZE, options=options, at_once=at_once) as pipeline:
            for number, shift in enumerate(shifts):
                if number == 4 and at_once is not None:
                    go.set()
                    for engine in pipeline.engines:
                        assert isinstance(engine, FallbackEngine)
                        assert engine.wait_ready(60)
                pipeline.submit(frame, StyleParams(vector=shift))
                pictures.append(pipeline.collect())
            if at_once is not None:
                assert [spec.backend for spec in pipeline.specs] == ["onnxruntime", "onnxruntime"]
        return pictures

    for swapped, plain in zip(paint(told.append), paint(None), strict=True):
        assert np.abs(swapped.astype(int) - plain).max() <= 1
    assert [text.startswith("now on Better") for text in told] == [False, False, True, True]
