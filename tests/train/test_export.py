from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("onnxscript", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra train")

import train.export  # noqa: E402
from engines.contract import Picture  # noqa: E402
from engines.errors import BackendError, NetFileError  # noqa: E402
from engines.library import Library  # noqa: E402
from engines.net_file import NetFile, read_net  # noqa: E402
from tests.engines.nets import identity_net  # noqa: E402
from train.credits import Credit  # noqa: E402
from train.export import (  # noqa: E402
    check_parity,
    export_bank,
    net_from_network,
    network_from_net_file,  # noqa: E402
    paint,
)
from train.networks import TransformNet, network  # noqa: E402

CREDITS = [Credit(name="a", artist="Ä"), Credit(name="b", title="B", year="1900", source="s", licence="l")]
PHOTO = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def _net(name: str) -> TransformNet:
    torch.manual_seed(1)
    net = network(name)
    with torch.no_grad():  # as if trained: a bias of zeros would be left out of the file
        net.get_parameter("head.bias").uniform_(-0.5, 0.5)
    return net


@pytest.fixture(scope="module")
def vectors() -> torch.Tensor:
    return torch.rand(2, network("micro").style_length, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, vectors: torch.Tensor) -> tuple[Path, NetFile]:
    folder = tmp_path_factory.mktemp("exported")
    return folder, export_bank(folder, _net("micro"), vectors, CREDITS, [PHOTO], name="micro", training={"steps": 3})


def test_an_exported_bank_is_a_net_and_its_styles(exported: tuple[Path, NetFile], vectors: torch.Tensor) -> None:
    folder, file = exported
    library = Library(folder)
    assert library.net("micro") == read_net(folder / "micro.onnx")
    assert library.net("micro").digest == file.digest
    assert file.spec.training == {"steps": 3}
    assert list(library.styles("micro")) == ["a", "b"]
    style = library.style("b", library.net("micro"))
    assert np.array_equal(style.vector, vectors[1].numpy())
    assert (style.title, style.year, style.licence, style.source) == ("B", "1900", "l", "s")
    assert library.style("a", file).artist == "Ä"


def test_nothing_is_written_where_a_runtime_paints_something_else(
    exported: tuple[Path, NetFile], vectors: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train.export, "net_from_network", lambda *_, **__: exported[1])
    other = _net("micro")
    other.get_parameter("head.bias").data += 0.2
    with pytest.raises(BackendError, match=r"openvino differs from PyTorch by \d+ of 255"):
        export_bank(tmp_path, other, vectors, CREDITS, [PHOTO], name="micro", training={})
    assert not list(tmp_path.iterdir())


def test_every_style_is_checked(
    exported: tuple[Path, NetFile], vectors: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong_in_b(net: TransformNet, frame: Picture, vector: torch.Tensor) -> Picture:
        return paint(net, frame, vector) ^ (255 if torch.equal(vector, vectors[1]) else 0)

    check_parity(_net("micro"), exported[1], list(vectors), [PHOTO])
    monkeypatch.setattr(train.export, "paint", wrong_in_b)
    check_parity(_net("micro"), exported[1], [vectors[0]], [PHOTO])
    with pytest.raises(BackendError, match="differs"):
        check_parity(_net("micro"), exported[1], list(vectors), [PHOTO])


def test_a_net_file_gives_its_network_back(exported: tuple[Path, NetFile]) -> None:
    for net, file in ((_net("micro"), exported[1]), (network("johnson"), None)):  # `fast` is the shipped one, below
        again = network_from_net_file(file or net_from_network(net, name="anything"))
        assert type(again) is type(net)
        for key, value in net.state_dict().items():
            assert torch.equal(value, again.state_dict()[key])


def test_the_shipped_net_gives_its_network_back() -> None:
    file = Library().net("fast")
    assert network_from_net_file(file).style_length == file.spec.style_length


def test_a_net_of_another_make_is_refused() -> None:
    with pytest.raises(NetFileError, match="styles can only be fitted for"):
        network_from_net_file(identity_net())
