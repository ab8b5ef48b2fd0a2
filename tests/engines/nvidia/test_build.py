"""Engines built ahead of time, with TensorRT for RTX, for GPUs that are not here."""

from __future__ import annotations

import _thread
from pathlib import Path

import onnx
import pytest

from engines.errors import BackendError, BadInputError
from engines.library import Library
from engines.net_file import NetFile
from engines.nvidia.build import build_plan, graph_for
from engines.nvidia.recipe import Recipe, SizeRange, make_recipe
from engines.nvidia.runtimes import RUNTIMES, Runtime, load_runtime
from tests.engines.nvidia.nets import NETS, net_called

_TARGETS = ("sm75", "sm80", "sm86", "sm89", "sm120")
_SHIPPED = sorted(Library().nets())


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    pytest.importorskip("tensorrt_rtx", reason='needs TensorRT for RTX: pip install "rtstyle[tensorrt-rtx]"')
    return load_runtime("tensorrt-rtx")


def _recipe(
    net: NetFile, *targets: str, size: tuple[int, int] = (64, 64), wide: bool = False, precision: str = "f16"
) -> Recipe:
    bounds = {"smallest": (64, 64), "largest": (1920, 1080)} if wide else {}
    return make_recipe(
        net,
        SizeRange.around(size, net.spec.size_multiple, **bounds),
        precision=precision,
        runtime=RUNTIMES["tensorrt-rtx"],
        version="1.7",
        targets=targets,
        gpu=None,
    )


@pytest.mark.parametrize("name", _SHIPPED)
@pytest.mark.parametrize("target", _TARGETS)
def test_every_shipped_net_builds_for_every_target(runtime: Runtime, name: str, target: str) -> None:
    net = Library().net(name)
    plan = build_plan(runtime, graph_for(net, "f16"), _recipe(net, target, size=(640, 360)))
    assert len(plan.content) > 100_000


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("precision", ["f16", "f32"])
def test_one_engine_takes_many_sizes_and_many_targets(
    runtime: Runtime, name: str, precision: str, tmp_path: Path
) -> None:
    net = net_called(name, tmp_path)
    recipe = _recipe(net, *_TARGETS, size=(1280, 720), wide=True, precision=precision)
    assert len(build_plan(runtime, graph_for(net, precision), recipe).content) > 10_000


def test_progress_is_told_while_it_builds(runtime: Runtime) -> None:
    net = Library().net("fast")
    told: list[float] = []
    plan = build_plan(runtime, graph_for(net, "f16"), _recipe(net, "sm89"), report=lambda done, _: told.append(done))
    assert len(told) > 10
    assert told == sorted(told)
    assert told[-1] == 1
    assert plan.build_s > 0


def test_ctrl_c_stops_a_build_and_nothing_is_left_running(runtime: Runtime) -> None:
    net = Library().net("fast")
    told: list[str] = []

    def report(_: float, phase: str) -> None:
        if not told:
            _thread.interrupt_main()
        told.append(phase)

    with pytest.raises(KeyboardInterrupt):
        build_plan(runtime, graph_for(net, "f16"), _recipe(net, "sm89"), report=report)


def test_a_build_that_nobody_waits_for_is_stopped(runtime: Runtime) -> None:
    import threading

    net, cancelled = Library().net("fast"), threading.Event()
    with pytest.raises(BackendError, match="was stopped"):
        build_plan(
            runtime,
            graph_for(net, "f16"),
            _recipe(net, "sm89"),
            report=lambda *_: cancelled.set(),
            cancelled=cancelled,
        )


def test_a_graph_that_the_vendor_does_not_take_is_one_line(runtime: Runtime) -> None:
    net = Library().net("fast")
    model = onnx.load_model_from_string(net.model)
    next(node for node in model.graph.node if node.op_type == "Tanh").op_type = "Det"
    strange = NetFile(spec=net.spec, model=model.SerializeToString(), digest="")
    with pytest.raises(BackendError, match="does not take net fast") as caught:
        build_plan(runtime, strange, _recipe(net, "sm89"))
    assert "\n" not in str(caught.value)


def test_cards_that_rtx_does_not_run_on_are_refused_with_the_way_on() -> None:
    with pytest.raises(BadInputError, match="needs --backend tensorrt or torch"):
        _recipe(Library().net("fast"), "sm90")
