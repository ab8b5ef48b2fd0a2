"""Which backend runs, and what is said where one cannot."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engines.backends import BACKENDS, open_engine, reports
from engines.contract import EngineOptions
from engines.errors import BackendError, BadInputError
from tests.engines.nets import identity_net

_ROOT = Path(__file__).parents[2]
_PROGRAM = """
import json, sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None  # import raises ImportError, as without the package
from engines.backends import open_engine, reports
from engines.errors import RtStyleError
from tests.engines.nets import identity_net
said = {"reports": {r.name: [r.usable, r.text] for r in reports()}}
for backend in ("auto", "openvino", "onnxruntime"):
    try:
        with open_engine(identity_net(), (16, 16), backend=backend) as engine:
            said[backend] = engine.spec.backend
    except RtStyleError as error:
        said[backend] = f"{type(error).__name__}: {error}"
sys.stdout.write(json.dumps(said))
"""


def _without(*packages: str) -> dict[str, str]:
    """What opening engines says where `packages`, and those for NVIDIA GPUs, are not installed."""
    command = [sys.executable, "-c", _PROGRAM, ",".join(("tensorrt", "tensorrt_rtx", "torch", *packages))]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True, timeout=120)
    said: dict[str, str] = json.loads(done.stdout)
    return said


def test_reports_name_every_backend_in_the_order_of_auto() -> None:
    found = reports()
    assert [report.name for report in found] == list(BACKENDS)
    assert all(report.text for report in found)


def test_auto_takes_the_first_usable_backend() -> None:
    first = next(report.name for report in reports() if report.usable)
    with open_engine(identity_net(), (16, 16)) as engine:
        assert engine.spec.backend == first


def test_an_unknown_backend_is_bad_input_that_suggests_the_nearest() -> None:
    with pytest.raises(BadInputError, match="no backend is called 'openvin', did you mean openvino"):
        open_engine(identity_net(), (16, 16), backend="openvin")


def test_an_unknown_precision_is_bad_input() -> None:
    with pytest.raises(BadInputError, match="precision is one of f32, bf16, f16, int8, got 'fp8'"):
        EngineOptions(precision="fp8")


@pytest.mark.parametrize(("backend", "precision"), [("onnxruntime", "bf16"), ("onnxruntime", "f16")])
def test_a_precision_that_a_backend_cannot_do_is_an_error(backend: str, precision: str) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(BackendError, match=precision):
        open_engine(identity_net(), (16, 16), backend=backend, options=EngineOptions(precision=precision))


def test_openvino_does_what_it_says_it_can_and_refuses_the_rest() -> None:
    text = next(report.text for report in reports() if report.name == "openvino")
    able = text.rpartition("can do ")[2].split(", ")
    assert "f32" in able
    for precision in ("f32", "bf16", "f16"):
        options = EngineOptions(precision=precision)
        if precision in able:
            with open_engine(identity_net(), (16, 16), backend="openvino", options=options) as engine:
                assert engine.spec.precision == precision
        else:
            with pytest.raises(BackendError, match=f"cannot do {precision} on this CPU, it can do"):
                open_engine(identity_net(), (16, 16), backend="openvino", options=options)


def test_a_backend_without_its_package_is_named_and_auto_takes_the_next() -> None:
    pytest.importorskip("onnxruntime")
    said = _without("openvino")
    assert said["auto"] == said["onnxruntime"] == "onnxruntime"
    assert said["openvino"].startswith(
        "MissingPackageError: the openvino backend needs the package openvino: pip install"
    )


def test_openvino_does_not_need_onnxruntime() -> None:
    said = _without("onnxruntime")
    assert said["auto"] == said["openvino"] == "openvino"
    assert 'pip install "rtstyle[onnxruntime]"' in said["onnxruntime"]


def test_with_no_backend_at_all_auto_says_why_for_each() -> None:
    said = _without("openvino", "onnxruntime")
    assert said["auto"].startswith("BackendError: no backend can run here: ")
    for backend in BACKENDS:
        assert f"{backend}: " in said["auto"]
    assert "onnxruntime: the onnxruntime backend needs" in said["auto"]


def test_for_throughput_more_frames_are_in_flight_and_come_in_order() -> None:
    net, depths = identity_net(), []
    frames = [np.full((16, 16, 3), level, np.uint8) for level in range(9)]
    for throughput in (False, True):
        with open_engine(net, (16, 16), backend="openvino", options=EngineOptions(throughput=throughput)) as engine:
            depths.append(engine.depth)
            for frame in frames[: engine.depth]:
                engine.submit(frame)
            came = []
            for frame in frames[engine.depth :]:
                came.append(int(engine.collect()[0, 0, 0]))
                engine.submit(frame)
            came += [int(engine.collect()[0, 0, 0]) for _ in range(engine.depth)]
        assert came == list(range(9))
    assert depths[0] == 2
    assert depths[1] >= 2
