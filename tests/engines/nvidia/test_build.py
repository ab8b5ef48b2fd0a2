from __future__ import annotations

import pytest

from engines.errors import BackendError, BadInputError
from engines.library import Library
from engines.nvidia.build import build_plan, graph_for
from engines.nvidia.recipe import SizeRange, make_recipe
from engines.nvidia.runtimes import RUNTIMES, Runtime, load_runtime

_TARGETS = ("sm75", "sm80", "sm86", "sm89", "sm120")


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    pytest.importorskip("tensorrt_rtx", reason='needs TensorRT for RTX: pip install "rtstyle[tensorrt-rtx]"')
    return load_runtime("tensorrt-rtx")


def _build(
    runtime: Runtime, net_name: str, sizes: SizeRange, targets: tuple[str, ...], precision: str = "f16"
) -> bytes:
    net = Library().net(net_name)
    recipe = make_recipe(
        net,
        sizes,
        precision=precision,
        runtime=runtime.facts,
        version=runtime.version,
        targets=targets,
        gpu=None,
    )
    return build_plan(runtime, graph_for(net, precision), recipe).content


@pytest.mark.parametrize("name", sorted(Library().nets()))
@pytest.mark.parametrize("target", _TARGETS)
def test_every_net_builds_ahead_of_time_for_every_target(runtime: Runtime, name: str, target: str) -> None:
    multiple = Library().net(name).spec.size_multiple
    assert len(_build(runtime, name, SizeRange.around((640, 360), multiple), (target,))) > 100_000


@pytest.mark.parametrize("name", sorted(Library().nets()))
@pytest.mark.parametrize("precision", ["f16", "f32"])
def test_one_engine_takes_many_sizes_and_many_targets(runtime: Runtime, name: str, precision: str) -> None:
    multiple = Library().net(name).spec.size_multiple
    sizes = SizeRange.around((1280, 720), multiple, smallest=(64, 64), largest=(1920, 1080))
    assert len(_build(runtime, name, sizes, _TARGETS, precision)) > 100_000


def test_progress_is_told_while_it_builds(runtime: Runtime) -> None:
    net = Library().net("fast")
    sizes = SizeRange.around((64, 64), 4)
    recipe = make_recipe(
        net, sizes, precision="f16", runtime=runtime.facts, version=runtime.version, targets=("sm89",), gpu=None
    )
    told: list[float] = []
    plan = build_plan(runtime, graph_for(net, "f16"), recipe, report=lambda fraction, _: told.append(fraction))
    assert len(told) > 10
    assert told == sorted(told)
    assert told[-1] == 1
    assert plan.build_s > 0


def test_ctrl_c_stops_a_build_and_nothing_is_left_running(runtime: Runtime) -> None:
    import _thread

    net = Library().net("fast")
    recipe = make_recipe(
        net,
        SizeRange.around((64, 64), 4),
        precision="f16",
        runtime=runtime.facts,
        version=runtime.version,
        targets=("sm89",),
        gpu=None,
    )
    told: list[str] = []

    def report(_: float, phase: str) -> None:
        if not told:
            _thread.interrupt_main()
        told.append(phase)

    with pytest.raises(KeyboardInterrupt):
        build_plan(runtime, graph_for(net, "f16"), recipe, report=report)


def test_a_graph_that_the_vendor_does_not_take_is_one_line(runtime: Runtime) -> None:
    net = Library().net("fast")
    recipe = make_recipe(
        net,
        SizeRange.around((64, 64), 4),
        precision="f16",
        runtime=runtime.facts,
        version=runtime.version,
        targets=("sm89",),
        gpu=None,
    )
    import onnx

    from engines.net_file import NetFile

    model = onnx.load_model_from_string(net.model)
    next(node for node in model.graph.node if node.op_type == "Tanh").op_type = "Det"
    with pytest.raises(BackendError, match="does not take net fast") as caught:
        build_plan(runtime, NetFile(spec=net.spec, model=model.SerializeToString(), digest=""), recipe)
    assert "\n" not in str(caught.value)


def test_cards_that_rtx_does_not_run_on_are_refused_with_the_way_on() -> None:
    with pytest.raises(BadInputError, match="needs --backend tensorrt or torch"):
        make_recipe(
            Library().net("fast"),
            SizeRange.around((64, 64), 4),
            precision="f16",
            runtime=RUNTIMES["tensorrt-rtx"],
            version="1.7",
            targets=("sm90",),
            gpu=None,
        )
