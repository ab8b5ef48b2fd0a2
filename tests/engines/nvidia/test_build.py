"""Engines built ahead of time, with TensorRT for RTX, for GPUs that are not here."""

from __future__ import annotations

import _thread
from pathlib import Path

import onnx
import pytest

from engines.errors import BackendError, BadInputError
from engines.fp16 import typed_graph
from engines.library import Library
from engines.net_file import NetFile
from engines.nvidia.build import PhaseTree, build_plan
from engines.nvidia.key import EngineKey, SizeRange, make_key
from engines.nvidia.runtimes import RUNTIMES, Runtime, load_runtime
from tests.engines.nvidia.nets import NETS, net_called

_TARGETS = ("sm75", "sm80", "sm86", "sm89", "sm120")
_SHIPPED = sorted(Library().nets())


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    pytest.importorskip("tensorrt_rtx", reason='needs TensorRT for RTX: pip install "rtstyle[tensorrt-rtx]"')
    return load_runtime("tensorrt-rtx")


def _key(
    net: NetFile, *targets: str, size: tuple[int, int] = (64, 64), wide: bool = False, precision: str = "f16"
) -> EngineKey:
    bounds = {"smallest": (64, 64), "largest": (1920, 1080)} if wide else {}
    return make_key(
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
    plan = build_plan(runtime, typed_graph(net, "f16"), _key(net, target, size=(640, 360)))
    assert len(plan.content) > 100_000


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("precision", ["f16", "f32"])
def test_one_engine_takes_many_sizes_and_many_targets(
    runtime: Runtime, name: str, precision: str, tmp_path: Path
) -> None:
    net = net_called(name, tmp_path)
    key = _key(net, *_TARGETS, size=(1280, 720), wide=True, precision=precision)
    assert len(build_plan(runtime, typed_graph(net, precision), key).content) > 10_000


def test_progress_is_told_while_it_builds(runtime: Runtime) -> None:
    net = Library().net("fast")
    told: list[float] = []
    plan = build_plan(runtime, typed_graph(net, "f16"), _key(net, "sm89"), report=lambda done, _: told.append(done))
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
        build_plan(runtime, typed_graph(net, "f16"), _key(net, "sm89"), report=report)


def test_a_build_that_nobody_waits_for_is_stopped(runtime: Runtime) -> None:
    import threading

    net, cancelled = Library().net("fast"), threading.Event()
    with pytest.raises(BackendError, match="was stopped"):
        build_plan(
            runtime,
            typed_graph(net, "f16"),
            _key(net, "sm89"),
            report=lambda *_: cancelled.set(),
            cancelled=cancelled,
        )


def test_a_graph_that_the_vendor_does_not_take_is_one_line(runtime: Runtime) -> None:
    net = Library().net("fast")
    model = onnx.load_model_from_string(net.model)
    next(node for node in model.graph.node if node.op_type == "Tanh").op_type = "Det"
    strange = NetFile(spec=net.spec, model=model.SerializeToString(), digest="")
    with pytest.raises(BackendError, match="does not take net fast") as caught:
        build_plan(runtime, strange, _key(net, "sm89"))
    assert "\n" not in str(caught.value)


def test_cards_that_rtx_does_not_run_on_are_refused_with_the_way_on() -> None:
    with pytest.raises(BadInputError, match="needs --backend tensorrt or torch"):
        _key(Library().net("fast"), "sm90")


def test_phases_within_phases_make_one_fraction_that_never_falls_and_ends_at_one() -> None:
    told: list[tuple[float, str]] = []
    tree = PhaseTree(lambda fraction, phase: told.append((fraction, phase)))
    tree.start("all", None, 2)
    tree.start("half", "all", 4)
    for step in range(4):
        assert tree.step("half", step)
    tree.finish("half")
    tree.step("all", 0)
    tree.start("rest", "all", 1)
    tree.finish("rest")
    tree.finish("all")
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert 0.12 < fractions[2] < 0.13
    assert fractions[-1] == 1
    assert told[2][1] == "half"


def test_steps_of_unknown_phases_change_nothing() -> None:
    tree = PhaseTree(lambda *_: None)
    assert tree.step("never begun", 3)
    tree.finish("never begun")


def test_a_cancelled_build_is_told_to_stop_at_its_next_step() -> None:
    tree = PhaseTree(lambda *_: None)
    tree.start("all", None, 2)
    tree.cancelled.set()
    assert not tree.step("all", 0)
