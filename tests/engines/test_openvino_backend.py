from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from engines.library import Library, shipped_folder
from engines.openvino_backend import shuffle_late
from tests.engines.nets import identity_model


def _order(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("name", ["fast", "micro", "sr2-fidelity", "sr4-perceptual"])
def test_the_shuffle_moves_behind_the_cast_and_the_picture_stays(name: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    net = Library(shipped_folder()).net(name)
    model = onnx.load_model_from_string(net.model)
    shuffle_late(model)
    assert _order(model)[-3:] == ["Cast", "DepthToSpace", "Transpose"]
    feed = {"frame": np.random.default_rng(0).integers(0, 256, (1, 32, 48, 3), np.uint8)}
    if net.spec.style_length:
        feed["style"] = np.random.default_rng(1).random((1, net.spec.style_length)).astype(np.float32)
    before, after = (
        runtime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, feed)[0]
        for content in (net.model, model.SerializeToString())
    )
    assert np.array_equal(before, after)


def test_a_graph_without_a_shuffle_stays() -> None:
    model = identity_model()
    shuffle_late(model)
    assert model == identity_model()


def test_numbers_by_channel_hold_the_shuffle_where_it_is() -> None:
    model = onnx.load_model_from_string(Library(shipped_folder()).net("sr2-fidelity").model)
    shuffle = next(i for i, node in enumerate(model.graph.node) if node.op_type == "DepthToSpace")
    user = model.graph.node[shuffle + 1]
    tint = helper.make_node("Mul", [user.input[0], "by_channel"], ["tinted"])
    user.input[0] = "tinted"
    model.graph.node.insert(shuffle + 1, tint)
    model.graph.initializer.append(numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float32), "by_channel"))
    order = _order(model)
    shuffle_late(model)
    assert _order(model) == order


_CODE = """
import sys, threading
from engines.backends import reports
assert any(report.name == "openvino" and report.usable for report in reports())
assert "openvino_telemetry" not in sys.modules
assert not [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
"""


def test_openvino_does_not_call_home(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", _CODE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "intel").exists()
