"""Run by test_stand_in.py in a process whose libcuda.so.1 is the stand-in: the real bindings, our engine code.

Not collected by itself: there is no GPU behind any of it.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.backends import open_engine, reports
from engines.contract import EngineOptions, EngineSpec
from engines.errors import BackendError
from engines.library import Library
from engines.net_file import NetFile
from engines.nvidia import cuda as cuda_module
from engines.nvidia import open as opener
from engines.nvidia.agreement import trial_pictures, trial_style
from engines.nvidia.cuda import Cuda, open_cuda
from engines.nvidia.driver import find_gpu
from engines.nvidia.engine import TensorRtEngine
from engines.nvidia.store import EngineStore
from engines.warming import WarmingEngine, open_engine_at_once
from tests.engines.nvidia.cpu_runtime import cpu_runtime
from tests.engines.nvidia.cuda_contract import CONTRACT

SIZE = (62, 46)  # no multiple of 4: the frames are padded


@pytest.fixture(params=cuda_module.BINDINGS)
def binding(request: pytest.FixtureRequest) -> str:
    if not cuda_module._found(cuda_module.BINDINGS[request.param]):
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture
def cuda(binding: str) -> Iterator[Cuda]:
    opened = open_cuda(binding)
    yield opened
    opened.close()


@pytest.fixture
def net() -> NetFile:
    return Library().net("fast")


def live() -> int:
    return int(ctypes.CDLL("libcuda.so.1").standin_live())


@pytest.mark.parametrize("holds", CONTRACT, ids=lambda check: check.__name__)
def test_contract(cuda: Cuda, holds: Callable[[Cuda], None]) -> None:
    holds(cuda)


def test_closing_gives_everything_back(binding: str) -> None:
    before = live()
    cuda = open_cuda(binding)
    stream = cuda.stream()
    buffer, array, event = cuda.device(64), cuda.pinned((64,), np.uint8), cuda.event()
    stream.record(event)
    stream.capture(lambda: stream.copy_in(buffer, array))
    assert live() > before
    cuda.close()
    assert live() == before


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        ("cuMemAlloc:2", "out of memory"),
        ("cuMemcpyHtoDAsync:700", "lost"),
        ("cuEventRecord:999", "lost"),
        ("cuDevicePrimaryCtxRetain:100", "no GPU"),
    ],
)
def test_what_cuda_says_becomes_one_line_that_names_the_cpu(
    failure: str, text: str, binding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = live()
    monkeypatch.setenv("STANDIN_FAIL", failure)
    with pytest.raises(BackendError, match=text) as caught:
        cuda = open_cuda(binding)
        try:
            stream = cuda.stream()
            stream.copy_in(cuda.device(16), cuda.pinned((16,), np.uint8))
            stream.record(cuda.event())
        finally:
            cuda.close()
    assert "--backend openvino" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert live() == before


def test_the_gpu_is_found_by_asking_the_driver() -> None:
    gpu = find_gpu.__wrapped__()
    assert (gpu.name, gpu.target, gpu.memory, gpu.driver) == ("Stand-in GPU", "sm89", 8 << 30, "13.0")


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("STANDIN_GPUS", "0", "no GPU"),
        ("STANDIN_DRIVER", "11040", "too old .CUDA 11.4"),
        ("STANDIN_FAIL", "cuInit:803", "driver does not fit"),
        ("STANDIN_FAIL", "cuInit:34", "stub"),
    ],
)
def test_a_driver_that_cannot_be_used_is_said_so(
    variable: str, value: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(BackendError, match=text) as caught:
        find_gpu.__wrapped__()
    assert "--backend openvino" in str(caught.value)


def test_auto_prefers_the_gpu_and_imports_neither_torch_nor_tensorrt_to_say_so() -> None:
    import sys

    found = {report.name: report for report in reports()}
    assert found["torch"].usable == cuda_module._found("torch")
    assert found["tensorrt-rtx"].usable == cuda_module._found("tensorrt_rtx")
    assert not {"torch", "tensorrt", "tensorrt_rtx"} & set(sys.modules)


def _engine(net: NetFile, name: str, cuda: Cuda, jit_path: Path | None = None, depth: int = 2) -> tuple[Any, Any]:
    runtime, faults = cpu_runtime(name, net)
    spec = EngineSpec(net=net.spec, size=SIZE, backend=name, device="Stand-in GPU", precision="f32")
    return (lambda: TensorRtEngine(spec, depth, runtime, cuda, b"plan", jit_path=jit_path)), faults


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_picture_is_that_of_its_frame(net: NetFile, name: str, depth: int, cuda: Cuda) -> None:
    style = trial_style(net)
    options = EngineOptions(precision="f32", depth=1)
    frames = [np.roll(trial_pictures(SIZE)[3], 5 * n, axis=1) for n in range(7)]
    make, _ = _engine(net, name, cuda, depth=depth)
    with make() as engine, open_engine(net, SIZE, backend="openvino", options=options) as reference:
        pictures = []
        for number, frame in enumerate(frames):
            if number >= depth:
                pictures.append(engine.collect())
            engine.submit(frame, style)
        pictures += [engine.collect() for _ in range(depth)]
        for frame, picture in zip(frames, pictures, strict=True):
            reference.submit(frame, style)
            np.testing.assert_array_equal(picture, reference.collect())
        assert all(ms > 0 for ms in engine.stages_ms().values())


def test_an_engine_gives_all_back_when_it_is_closed_and_when_it_cannot_be_made(net: NetFile, binding: str) -> None:
    before = live()
    make, faults = _engine(net, "tensorrt", open_cuda(binding))
    make().close()
    assert live() == before
    for fault in ("refuses", "no_memory", "fails"):
        make, faults = _engine(net, "tensorrt", open_cuda(binding))
        setattr(faults, fault, True)
        with pytest.raises(BackendError, match="--backend openvino"):
            make()
        assert live() == before


def test_a_frame_that_fails_is_an_error_and_the_engine_can_still_be_closed(net: NetFile) -> None:
    before = live()
    make, faults = _engine(net, "tensorrt-rtx", open_cuda("cuda-bindings"))
    engine = make()
    faults.fails = True
    with pytest.raises(BackendError, match="failed on a frame"):
        engine.submit(trial_pictures(SIZE)[3], trial_style(net))
    engine.close()
    assert live() == before


def test_what_was_compiled_on_the_gpu_is_kept_and_taken_again(net: NetFile, tmp_path: Path) -> None:
    for _ in range(2):
        make, faults = _engine(net, "tensorrt-rtx", open_cuda("cuda-bindings"), tmp_path / "x.jit")
        make().close()
    assert faults.caches_taken == [b"compiled on this GPU"]


def test_the_benchmark_for_gpus_measures_rates_and_stages(
    net: NetFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks import gpu_step

    runtime, _ = cpu_runtime("tensorrt-rtx", net, pytest.importorskip("tensorrt_rtx"))
    monkeypatch.setattr(opener, "load_runtime", lambda _: runtime)
    monkeypatch.setattr(gpu_step, "_FRAMES_S", 0.05)
    row = gpu_step.rates("tensorrt-rtx", "fast", SIZE, tmp_path)
    assert row["second_start_s"] > 0
    for depth in (1, 2, 3):
        assert row[f"depth_{depth}"]["fps"] > 0
        assert set(row[f"depth_{depth}"]["stages_ms"]) == {"copy_in", "compute", "copy_out"}


def test_a_picture_in_tiles_is_measured_on_the_cpu_and_painted_on_the_gpu(
    net: NetFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engines.tiled_net import tiled_net
    from realtime.pictures.large import TilePainter

    tiled, size, style = tiled_net(net), (260, 132), trial_style(net)
    runtime, _ = cpu_runtime("tensorrt-rtx", tiled.painting, pytest.importorskip("tensorrt_rtx"))
    monkeypatch.setattr(opener, "load_runtime", lambda _: runtime)
    frame = trial_pictures(size)[3]
    with TilePainter(tiled, size, side=144, options=EngineOptions(cache=tmp_path)) as painter:
        assert (painter.engine.spec.backend, painter.engine.spec.precision) == ("tensorrt-rtx", "f32")
        assert len(painter.grid.tiles) > 1
        picture = painter.paint(frame, style)
    with open_engine(net, size, backend="openvino", options=EngineOptions(precision="f32")) as whole:
        whole.submit(frame, style)
        assert np.abs(whole.collect().astype(int) - picture).max() <= 1


def test_how_much_is_painted_whole_depends_on_the_memory_of_the_gpu(
    net: NetFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from realtime.painter import Treatment
    from realtime.pictures import paint

    painter = paint.PicturePainter(net, Treatment(vector=trial_style(net)))
    large = painter._whole_up_to()
    assert large > paint.WHOLE_UP_TO  # 8 GB
    assert painter._side_for((5000, 4000)) is None
    small = replace(find_gpu(), memory=1 << 30)
    monkeypatch.setattr(paint, "find_gpu", lambda: small)
    assert painter._whole_up_to() == pytest.approx(large / 8, rel=0.01)
    assert painter._side_for((5000, 4000)) == paint.TILE_SIDE
    on_cpu = paint.PicturePainter(net, Treatment(vector=trial_style(net)), backend="openvino")
    assert on_cpu._whole_up_to() == paint.WHOLE_UP_TO


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
    from realtime.live.options import CamOptions
    from realtime.live.session import run_camera

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

    options = CamOptions(source="test-pattern", size=SIZE, net="fast", headless=True, seconds=60)
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
    from realtime.auto_net import at_hand, choose
    from realtime.recipe import recipes
    from tests.engines.nets import add_net, add_style, slow_net, tint_net, vector

    pytest.importorskip("tensorrt_rtx")
    for net in (tint_net(name="fast"), slow_net(name="rich")):
        add_net(tmp_path, net)
        add_style(tmp_path, net, "red", vector(90, 0, 0))
    found = list(recipes("red", library=Library(tmp_path)))
    options, notices = EngineOptions(cache=tmp_path / "cache"), list[str]()
    taken, choice = choose(found, SIZE, fps=30, options=options, notice=notices.append)
    assert (taken.net.spec.name, choice) == ("fast", None)
    assert len(notices) == 1
    assert "no engines for the GPU yet of fast and rich at 62x46" in notices[0]
    _, wanted = opener._wanted("tensorrt-rtx", found[1].net, SIZE, options)
    EngineStore(tmp_path / "cache" / opener.STORE_FOLDER).save(wanted, b"plan", build_s=1)
    assert [recipe.net.spec.name for recipe in at_hand(found, SIZE, "auto", options)] == ["rich"]
    assert len(at_hand(found, SIZE, "openvino", options)) == 2
