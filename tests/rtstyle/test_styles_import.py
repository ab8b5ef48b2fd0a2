from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.import_onnx import probe_picture
from engines.net_file import write_net
from engines.styles import resolve_style
from rtstyle import Stylizer
from tests.engines.nets import identity_net
from tests.engines.plain_nets import plain_model
from tests.rtstyle.command import refused, run
from tests.test_without_torch import blocked


@pytest.fixture
def home() -> Path:
    return Path(os.environ["RTSTYLE_HOME"])


def _onnx(folder: Path, name: str = "Rain Princess_9.onnx", **form: object) -> Path:
    path = folder / name
    path.write_bytes(plain_model(**form).SerializeToString())  # type: ignore[arg-type]
    return path


def _pth(folder: Path, name: str = "candy.pth") -> Path:
    torch = pytest.importorskip("torch")
    from tests.train.transformer_net import random_net, with_stale_statistics

    torch.save(with_stale_statistics(random_net(5)), folder / name)
    return folder / name


def test_an_onnx_file_becomes_a_net_that_the_commands_can_use(home: Path, tmp_path: Path) -> None:
    path = _onnx(tmp_path, opset=9, size=(64, 48), weights_as_inputs=True)
    done = run("styles", "import", path)
    assert "--net rain-princess-9" in done.stdout
    assert (home / "rain-princess-9.onnx").exists()
    assert resolve_style("rain-princess-9").vector is None
    with Stylizer("rain-princess-9") as stylizer:
        assert stylizer(probe_picture((101, 67))).shape == (67, 101, 3)
    listed = json.loads(run("styles", "list", "--json").stdout)
    assert {"name": "rain-princess-9", "net": "rain-princess-9", "artist": "", "year": ""}.items() <= listed[-1].items()
    Image.fromarray(probe_picture((96, 64))).save(tmp_path / "photo.png")
    run("styles", "sheet", tmp_path / "photo.png", tmp_path / "sheet.png", "--net", "rain-princess-9")


def test_a_checkpoint_becomes_a_net_that_the_commands_can_use(home: Path, tmp_path: Path) -> None:
    facts = json.loads(run("styles", "import", _pth(tmp_path), "--name", "my-candy", "--json").stdout)
    assert facts["path"] == str(home / "my-candy.onnx")
    assert facts["difference"] <= 1
    with Stylizer(net="my-candy") as stylizer:
        assert stylizer(probe_picture((64, 64))).std() > 5
    shown = json.loads(run("styles", "show", "my-candy", "--json").stdout)
    assert shown["digest"] == facts["digest"]
    assert shown["training"]["imported_from"] == "candy.pth"


def test_a_net_that_is_called_like_a_shipped_style_is_used_by_its_net(tmp_path: Path) -> None:
    run("styles", "import", _onnx(tmp_path, "udnie.onnx"))
    assert resolve_style("udnie").net.spec.name != "udnie"
    assert resolve_style(net="udnie").net.spec.name == "udnie"


def test_content_decides_and_not_the_suffix(home: Path, tmp_path: Path) -> None:
    checkpoint = _pth(tmp_path).rename(tmp_path / "one.onnx")
    graph = _onnx(tmp_path, "two.pth")
    for path in (checkpoint, graph):
        run("styles", "import", path)
        assert (home / f"{path.stem}.onnx").exists()


def test_the_range_may_be_given(tmp_path: Path) -> None:
    path = _onnx(tmp_path, "a.onnx", white=1)
    facts = json.loads(run("styles", "import", path, "--json").stdout)
    assert (facts["white_in"], facts["white_out"]) == (1, 1)
    facts = json.loads(run("styles", "import", path, "--range", "255", "--force", "--json").stdout)
    assert (facts["white_in"], facts["white_out"]) == (255, 255)


def test_an_existing_net_is_kept_unless_force_is_given(home: Path, tmp_path: Path) -> None:
    path = _onnx(tmp_path, "a.onnx")
    run("styles", "import", path)
    content = (home / "a.onnx").read_bytes()
    other = _onnx(tmp_path, "b.onnx", seed=1)
    assert "use --force" in refused("styles", "import", other, "--name", "a")
    assert (home / "a.onnx").read_bytes() == content
    run("styles", "import", other, "--name", "a", "--force")
    assert (home / "a.onnx").read_bytes() != content


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.onnx",), "nowhere.onnx: cannot be read"),
        (("{tmp}/text.onnx",), "expected an ONNX file"),
        (("{tmp}/text.pth",), "expected a PyTorch checkpoint"),
        (("{tmp}/net.onnx",), "a net file already"),
        (("{tmp}/a.onnx", "--name", "fast"), "the name of a shipped net"),
        (("{tmp}/a.onnx", "--name", "../a"), "choose one with --name"),
        (("{tmp}/a.onnx", "--range", "2"), "--range is 255 or 1, got '2'"),
        (("{tmp}/...onnx",), "choose one with --name"),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line_and_writes_nothing(
    home: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "text.onnx").write_text("no net")
    (tmp_path / "text.pth").write_text("no net")
    write_net(tmp_path / "net.onnx", identity_net())
    _onnx(tmp_path, "a.onnx")
    assert said in refused("styles", "import", *(part.format(tmp=tmp_path) for part in arguments))
    assert list(home.iterdir()) == []


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.target,))


@pytest.mark.parametrize("name", ["candy.pth", "candy.onnx"])
def test_a_hostile_pickle_never_runs(home: Path, tmp_path: Path, name: str) -> None:
    pytest.importorskip("torch")
    (tmp_path / name).write_bytes(pickle.dumps({"conv1.conv2d.weight": _Bomb(tmp_path / "boom")}))
    assert "weights and nothing else" in refused("styles", "import", tmp_path / name)
    assert not (tmp_path / "boom").exists()
    assert list(home.iterdir()) == []


def test_without_torch_a_checkpoint_is_refused_with_the_line_that_installs_it(tmp_path: Path) -> None:
    done = run("styles", "import", _pth(tmp_path), env=blocked(tmp_path), code=2)
    assert done.stderr == (
        'rtstyle: importing a PyTorch checkpoint needs the package torch: pip install "rtstyle[train]"\n'
    )


def test_without_torch_an_onnx_file_is_imported(tmp_path: Path) -> None:
    run("styles", "import", _onnx(tmp_path, "a.onnx"), env=blocked(tmp_path))
    assert np.array_equal(*(Stylizer("a")(probe_picture((32, 32))) for _ in range(2)))
