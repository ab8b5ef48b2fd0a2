"""What only a GPU can show: `pytest -m gpu`. Not yet run on a GPU.

The contract suite of all engines (tests/engines/test_contract.py) has the GPU backends as candidates too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.backends import open_engine, reports
from engines.contract import Engine, EngineOptions, Picture
from engines.errors import BackendError, MissingPackageError
from engines.library import Library
from engines.nvidia.cuda import BINDINGS, Cuda, installed_binding, open_cuda
from engines.nvidia.driver import find_gpu
from engines.parity import LOWEST_DB, parity, trial_pictures, trial_style
from tests.conftest import shared
from tests.engines.nvidia.cuda_contract import CONTRACT

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]

_BACKENDS = ("tensorrt", "tensorrt-rtx", "torch")
_SIZES = {"style": ((640, 480), (1280, 720), (333, 211)), "upscale": ((480, 270), (133, 91))}
_CASES = [(net, size) for net in sorted(Library().nets()) for size in _SIZES[Library().net(net).spec.kind]]


@pytest.fixture(autouse=True)
def _gpu() -> None:
    try:
        find_gpu()
    except BackendError as error:
        pytest.skip(str(error))


@pytest.fixture(params=_BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    report = next(report for report in reports() if report.name == request.param)
    if not report.usable:
        pytest.skip(report.text)
    return report.name


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the module: every engine is built once."""
    return tmp_path_factory.mktemp("engines")


def _open(backend: str, size: tuple[int, int], cache: Path, *, net: str = "fast", depth: int = 2) -> Engine:
    return open_engine(Library().net(net), size, backend=backend, options=EngineOptions(cache=cache, depth=depth))


@pytest.mark.parametrize("binding", [*BINDINGS, "torch"])
@pytest.mark.parametrize("holds", CONTRACT, ids=lambda check: check.__name__)
def test_cuda_contract(binding: str, holds: Callable[[Cuda], None]) -> None:
    if binding == "torch":
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("torch has no CUDA here")
        from engines.nvidia.cuda_torch import open_device

        cuda: Cuda = open_device()  # type: ignore[assignment]
    else:
        try:
            cuda = open_cuda(installed_binding(binding))
        except MissingPackageError as error:
            pytest.skip(str(error))
    try:
        holds(cuda)
    finally:
        cuda.close()


@pytest.mark.parametrize(("net", "size"), _CASES, ids=str)
def test_every_net_paints_what_the_cpu_paints(backend: str, net: str, size: tuple[int, int], cache: Path) -> None:
    with _open(backend, size, cache, net=net) as engine:
        assert parity(engine, Library().net(net))[0] >= LOWEST_DB["f16"]


def test_photos_are_painted_as_by_the_cpu(backend: str, cache: Path) -> None:
    size, style = (640, 480), trial_style(Library().net("fast"))
    photos = [np.asarray(Image.open(p).convert("RGB").resize(size)) for p in sorted(shared("content").glob("*"))[:8]]
    with (
        _open(backend, size, cache) as engine,
        open_engine(
            Library().net("fast"), size, backend="openvino", options=EngineOptions(precision="f32", depth=1)
        ) as reference,
    ):
        for photo in photos:
            engine.submit(photo, style)
            reference.submit(photo, style)
            assert _psnr_db(engine.collect(), reference.collect()) >= LOWEST_DB["f16"]


def test_4k_does_not_overflow(backend: str, cache: Path) -> None:
    with _open(backend, (3840, 2160), cache, depth=1) as engine:
        assert parity(engine, Library().net("fast"))[0] >= LOWEST_DB["f16"]


def test_ten_thousand_frames_come_out_right_and_in_order(backend: str, cache: Path) -> None:
    size, style = (320, 240), trial_style(Library().net("fast"))
    frames = [np.roll(trial_pictures(size)[3], 8 * n, axis=1) for n in range(7)]
    with _open(backend, size, cache, depth=3) as engine:
        expected = []
        for frame in frames:
            engine.submit(frame, style)
            expected.append(engine.collect())
        out = np.empty_like(expected[0])
        for number in range(10_000):
            if number >= engine.depth:
                engine.collect(out)
                if number % 50 == 0:
                    assert np.array_equal(out, expected[(number - engine.depth) % 7])
            engine.submit(frames[number % 7], style)


def test_copies_and_net_overlap(backend: str, cache: Path) -> None:
    """The stages of the frames add up to more than the time that passed."""
    size, style = (1920, 1080), trial_style(Library().net("fast"))
    frame = trial_pictures(size)[3]
    with _open(backend, size, cache, depth=3) as engine:
        out = np.empty((1080, 1920, 3), np.uint8)
        for _ in range(engine.depth):
            engine.submit(frame, style)
        stages_ms = 0.0
        began = time.perf_counter()
        for _ in range(200):
            engine.collect(out)
            stages_ms += sum(engine.stages_ms().values())  # type: ignore[attr-defined]
            engine.submit(frame, style)
        wall_ms = 1e3 * (time.perf_counter() - began)
    assert stages_ms > wall_ms


def test_torch_and_an_engine_share_the_gpu(backend: str, cache: Path) -> None:
    if find_spec("torch") is None:
        pytest.skip("needs torch")
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch has no CUDA here")
    size, style = (320, 240), trial_style(Library().net("fast"))
    frame = trial_pictures(size)[3]
    total = torch.zeros((), device="cuda")
    with _open(backend, size, cache) as engine:
        engine.submit(frame, style)
        first = engine.collect()
        for number in range(50):
            engine.submit(frame, style)
            total += torch.full((256, 256), float(number), device="cuda").mean()
            assert np.array_equal(engine.collect(), first)
    assert total.item() == sum(range(50))


def test_a_second_start_builds_nothing_and_is_quick(backend: str, cache: Path) -> None:
    if backend == "torch":
        pytest.skip("torch builds nothing")
    size, style = (640, 480), trial_style(Library().net("fast"))
    frame = trial_pictures(size)[3]
    with _open(backend, size, cache):
        pass
    began = time.perf_counter()
    with _open(backend, size, cache) as engine:
        engine.submit(frame, style)
        engine.collect()
        assert time.perf_counter() - began < 2


def _psnr_db(one: Picture, other: Picture) -> float:
    return 10 * float(np.log10(255**2 / max(1e-9, np.mean((one.astype(float) - other.astype(float)) ** 2))))
