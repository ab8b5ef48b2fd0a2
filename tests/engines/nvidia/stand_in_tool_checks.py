"""The tool over the stand-in driver: building, keeping, handing over, choosing.

Run by test_stand_in.py in a process whose libcuda.so.1 is the stand-in; not collected by itself: no GPU is behind it.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from engines.backends import open_engine
from engines.contract import EngineOptions
from engines.errors import BackendError
from engines.library import Library
from engines.net_file import NetFile
from engines.nvidia import open as opener
from engines.nvidia.agreement import trial_pictures, trial_style
from engines.nvidia.store import EngineStore
from engines.warming import WarmingEngine, open_engine_at_once
from tests.engines.nvidia.cpu_runtime import cpu_runtime
from tests.engines.nvidia.stand_in import SIZE


def test_with_auto_the_cpu_paints_while_the_engine_is_built(
    net: NetFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    runtime, _ = cpu_runtime("tensorrt-rtx", net, trt)
    monkeypatch.setattr(opener, "load_runtime", lambda _: runtime)
    options = EngineOptions(cache=tmp_path)
    style, frame = trial_style(net), trial_pictures(SIZE)[3]
    with open_engine_at_once(net, SIZE, options=options) as engine:
        assert isinstance(engine, WarmingEngine)
        assert engine.spec.backend == "openvino"
        engine.submit(frame, style)
        engine._maker.join()
        engine.collect()
        engine.submit(frame, style)
        assert engine.spec.backend == "tensorrt-rtx"
        engine.collect()
    assert "TensorRT for RTX engine for net fast is being built, the CPU paints: 0 s" in caplog.text
    assert "now on TensorRT for RTX, net fast" in caplog.text
    with open_engine_at_once(net, SIZE, options=options) as engine:
        assert engine.spec.backend == "tensorrt-rtx"
    stored = EngineStore(tmp_path / opener.STORE_FOLDER).entries()[0]
    stored.jit_path.unlink()  # as it comes from another machine: still to be finished on this one
    with open_engine_at_once(net, SIZE, options=options) as engine:
        assert isinstance(engine, WarmingEngine)


def test_a_camera_starts_on_the_cpu_goes_on_to_the_gpu_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`rtstyle cam` with the real choice of backends, the real build, and the stand-in's streams."""
    from realtime.live.session import CamOptions, run_camera
    from realtime.user_options import StyleOptions

    trt = pytest.importorskip("tensorrt_rtx")
    runtime, _ = cpu_runtime("tensorrt-rtx", Library().net("fast"), trt)
    monkeypatch.setattr(opener, "load_runtime", lambda _: runtime)
    monkeypatch.setenv("RTSTYLE_CACHE", str(tmp_path / "cache"))
    notices: list[str] = []
    stop = threading.Event()

    def notify(text: str) -> None:
        notices.append(text)
        if text.startswith("now on"):
            threading.Timer(0.3, stop.set).start()

    options = CamOptions(source="test-pattern", size=SIZE, styling=StyleOptions(net="fast"), headless=True, seconds=60)
    summary = run_camera(options, notify=notify, stop=stop)
    assert summary.backend == "tensorrt-rtx"
    assert [text.partition(",")[0] for text in notices] == [
        "TensorRT for RTX engine for net fast is being built",
        "now on TensorRT for RTX",
    ]
    assert summary.handovers[0]["line"] == notices[-1]
    assert (summary.handovers[0]["state"], summary.interrupted) == ("done", True)


def test_an_engine_is_built_once_checked_once_and_found_again(
    net: NetFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    runtime, faults = cpu_runtime("tensorrt-rtx", net, trt)
    monkeypatch.setattr(opener, "load_runtime", lambda _: runtime)
    options = EngineOptions(cache=tmp_path)

    def use() -> str:
        caplog.clear()
        with open_engine(net, SIZE, backend="tensorrt-rtx", options=options) as engine:
            engine.submit(trial_pictures(SIZE)[3], trial_style(net))
            assert engine.collect().shape == (SIZE[1], SIZE[0], 3)
        return caplog.text

    assert "compiles net fast" in use()
    store = EngineStore(tmp_path / opener.STORE_FOLDER)
    stored = store.entries()[0]
    assert stored.checked["Stand-in GPU"] > 45
    assert "compiles" not in use()
    stored.path.write_bytes(b"x" + stored.path.read_bytes()[1:])
    text = use()
    assert "damaged" in text
    assert "compiles" in text
    store.remove(store.files_of(store.entries()[0]))
    faults.paints_wrong = True
    with pytest.raises(BackendError, match="does not paint what the CPU paints"):
        use()
    assert store.entries()[0].checked == {}


def test_nets_whose_engines_are_still_to_be_built_are_not_timed_for_the_choice_of_a_net(tmp_path: Path) -> None:
    from realtime.net_choice import at_hand, choose
    from realtime.pipeline import resolve_all
    from realtime.user_options import StyleOptions
    from tests.engines.nets import add_net, add_style, slow_net, tint_net, vector

    pytest.importorskip("tensorrt_rtx")
    for net in (tint_net(name="fast"), slow_net(name="rich")):
        add_net(tmp_path, net)
        add_style(tmp_path, net, "red", vector(90, 0, 0))
    found = list(resolve_all(StyleOptions(style="red"), library=Library(tmp_path)))
    options, notices = EngineOptions(cache=tmp_path / "cache"), list[str]()
    taken, choice = choose(found, SIZE, fps=30, options=options, notice=notices.append)
    assert (taken.net.spec.name, choice) == ("fast", None)
    assert len(notices) == 1
    assert "no engines for the GPU yet of fast and rich at 62x46" in notices[0]
    _, wanted = opener._wanted("tensorrt-rtx", found[1].net, SIZE, options)
    EngineStore(tmp_path / "cache" / opener.STORE_FOLDER).save(wanted, b"plan", build_s=1)
    assert [pipeline.net.spec.name for pipeline in at_hand(found, SIZE, "auto", options)] == ["rich"]
    assert len(at_hand(found, SIZE, "openvino", options)) == 2
