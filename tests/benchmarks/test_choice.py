from __future__ import annotations

import pytest
from benchmarks.fps import combinations

from engines.errors import BadInputError
from engines.library import Library, user_folder
from tests.engines.nets import add_net, identity_net


def test_every_net_on_every_backend_in_every_precision() -> None:
    add_net(user_folder(), identity_net(name="same"))
    found = combinations(nets=["fast", "same"], backends=["openvino", "onnxruntime"], precisions=[None, "f32"])
    assert [str(choice) for choice in found] == [
        "fast openvino",
        "fast openvino f32",
        "fast onnxruntime",
        "fast onnxruntime f32",
        "same openvino",
        "same openvino f32",
        "same onnxruntime",
        "same onnxruntime f32",
    ]


def test_what_a_child_is_told_names_the_very_net() -> None:
    (choice,) = combinations(backends=["openvino"], precisions=["bf16"])
    told = ["--backend", "openvino", "--style", "udnie", "--net", str(Library().nets()["fast"]), "--precision", "bf16"]
    assert choice.told() == told


def test_upscalers_alone_and_after_a_style() -> None:
    add_net(user_folder(), identity_net(name="sr2-perceptual", scale=2))
    (alone,), (after,) = combinations(sr=2), combinations(sr=2, style="wave")
    assert (alone.net, alone.told()) == ("sr2-perceptual", ["--backend", "auto", "--sr", "2"])
    assert after.net == "fast then sr2-perceptual"
    assert after.told()[-2:] == ["--sr", "2"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"backends": ["openvni"]}, "did you mean openvino"),
        ({"precisions": ["f64"]}, "precision is one of f32, bf16, f16, int8"),
        ({"nets": ["fats"]}, "did you mean fast"),
    ],
)
def test_what_is_right_on_no_machine_is_refused(asked: dict[str, list[str]], said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        combinations(**asked)  # type: ignore[arg-type]
