"""Our engines over the stand-in driver, painted by the CPU.

Run by test_stand_in.py in a process whose libcuda.so.1 is the stand-in; not collected by itself: no GPU is behind it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.backends import open_engine
from engines.contract import EngineOptions
from engines.errors import BackendError
from engines.net_file import NetFile
from engines.nvidia import tensorrt_engine as opener
from engines.nvidia.cuda import Cuda, open_cuda
from engines.nvidia.driver import find_gpu
from engines.parity import trial_pictures, trial_style
from tests.engines.nvidia.cpu_runtime import cpu_runtime
from tests.engines.nvidia.stand_in import SIZE, engine_over_cpu, live


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_picture_is_that_of_its_frame(net: NetFile, name: str, depth: int, cuda: Cuda) -> None:
    style = trial_style(net)
    options = EngineOptions(precision="f32", depth=1)
    frames = [np.roll(trial_pictures(SIZE)[3], 5 * n, axis=1) for n in range(7)]
    make, _ = engine_over_cpu(net, name, cuda, depth=depth)
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
    make, faults = engine_over_cpu(net, "tensorrt", open_cuda(binding))
    make().close()
    assert live() == before
    for fault in ("refuses", "no_memory", "fails"):
        make, faults = engine_over_cpu(net, "tensorrt", open_cuda(binding))
        setattr(faults, fault, True)
        with pytest.raises(BackendError, match="--backend openvino"):
            make()
        assert live() == before


def test_a_frame_that_fails_is_an_error_and_the_engine_can_still_be_closed(net: NetFile) -> None:
    before = live()
    make, faults = engine_over_cpu(net, "tensorrt-rtx", open_cuda("cuda-bindings"))
    engine = make()
    faults.fails = True
    with pytest.raises(BackendError, match="failed on a frame"):
        engine.submit(trial_pictures(SIZE)[3], trial_style(net))
    engine.close()
    assert live() == before


def test_what_was_compiled_on_the_gpu_is_kept_and_taken_again(net: NetFile, tmp_path: Path) -> None:
    for _ in range(2):
        make, faults = engine_over_cpu(net, "tensorrt-rtx", open_cuda("cuda-bindings"), tmp_path / "x.jit")
        make().close()
    assert faults.caches_taken == [b"compiled on this GPU"]


def test_the_benchmark_for_gpus_measures_rates_and_stages(
    net: NetFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks import gpu_check

    runtime, _ = cpu_runtime("tensorrt-rtx", net, pytest.importorskip("tensorrt_rtx"))
    monkeypatch.setattr(opener, "load_runtime", lambda _: runtime)
    monkeypatch.setattr(gpu_check, "_FRAMES_S", 0.05)
    row = gpu_check.rates("tensorrt-rtx", "fast", SIZE, tmp_path)
    assert row["second_start_s"] > 0
    for depth in (1, 2, 3):
        assert row[f"depth_{depth}"]["fps"] > 0
        assert set(row[f"depth_{depth}"]["stages_ms"]) == {"copy_in", "compute", "copy_out"}


def test_a_picture_in_tiles_is_measured_on_the_cpu_and_painted_on_the_gpu(
    net: NetFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engines.tiling import tiled_net
    from realtime.pictures.paint import TiledPipeline

    tiled, size, style = tiled_net(net), (260, 132), trial_style(net)
    runtime, _ = cpu_runtime("tensorrt-rtx", tiled.painting, pytest.importorskip("tensorrt_rtx"))
    monkeypatch.setattr(opener, "load_runtime", lambda _: runtime)
    frame = trial_pictures(size)[3]
    with TiledPipeline(tiled, size, side=144, options=EngineOptions(cache=tmp_path)) as pipeline:
        assert (pipeline.engine.spec.backend, pipeline.engine.spec.precision) == ("tensorrt-rtx", "f32")
        assert len(pipeline.grid.tiles) > 1
        picture = pipeline.paint(frame, style)
    with open_engine(net, size, backend="openvino", options=EngineOptions(precision="f32")) as whole:
        whole.submit(frame, style)
        assert np.abs(whole.collect().astype(int) - picture).max() <= 1


def test_how_much_is_painted_whole_depends_on_the_memory_of_the_gpu(
    net: NetFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from realtime.pictures import paint
    from realtime.pipeline import StyleParams

    pipeline = paint.PictureStage(net, StyleParams(vector=trial_style(net)))
    large = pipeline._whole_up_to()
    assert large > paint.WHOLE_UP_TO  # 8 GB
    assert pipeline._side_for((5000, 4000)) is None
    small = replace(find_gpu(), memory=1 << 30)
    monkeypatch.setattr(paint, "find_gpu", lambda: small)
    assert pipeline._whole_up_to() == pytest.approx(large / 8, rel=0.01)
    assert pipeline._side_for((5000, 4000)) == paint.TILE_SIDE
    on_cpu = paint.PictureStage(net, StyleParams(vector=trial_style(net)), backend="openvino")
    assert on_cpu._whole_up_to() == paint.WHOLE_UP_TO
