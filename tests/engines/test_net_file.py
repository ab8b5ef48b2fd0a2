from __future__ import annotations

import contextlib
import io
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from engines.errors import NetFileError
from engines.library import shipped_folder
from engines.net_file import NetSpec, net_from_model, read_net, write_net
from tests.engines.nets import identity_model, read_changed, tint_model, tint_net

SPEC = NetSpec(name="tint", kind="style", style_length=3)


def test_a_net_comes_back_as_it_was_written(tmp_path: Path) -> None:
    spec = NetSpec(
        name="tint-2.a",
        kind="style",
        size_multiple=4,
        style_length=3,
        margin=48,
        licence="MIT",
        training={"steps": 100, "photos": ["ä", 'b"'], "nested": {"rate": 1e-3}},
    )
    net = net_from_model(tint_model(), spec)
    write_net(tmp_path / "deep" / "tint.onnx", net)
    read = read_net(tmp_path / "deep" / "tint.onnx")
    assert (read.spec, read.model, read.digest) == (net.spec, net.model, net.digest)
    assert read.path == tmp_path / "deep" / "tint.onnx"


def test_the_shipped_nets_are_net_files() -> None:
    found = sorted(shipped_folder().glob("*.onnx"))
    assert found
    for path in found:
        assert read_net(path).spec.name == path.stem


def test_equal_weights_give_an_equal_digest_whatever_the_exporter_left_behind() -> None:
    model = tint_model()
    model.doc_string = "made at /home/somebody"
    model.metadata_props.add(key="source", value="/home/somebody/net.py")
    model.graph.node[2].doc_string = "/home/somebody/net.py(12)"
    model.graph.node[2].metadata_props.add(key="trace", value="/home/somebody/net.py(12)")
    net = net_from_model(model, SPEC)
    assert net.digest == net_from_model(tint_model(), SPEC).digest
    assert b"somebody" not in net.model


def test_other_weights_give_another_digest() -> None:
    model = tint_model()
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(2 * numpy_helper.to_array(model.graph.initializer[0]), "weight")
    )
    assert net_from_model(model, SPEC).digest != net_from_model(tint_model(), SPEC).digest


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.target,))


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps({}))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"not a net", b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(4096), _zip(), pickle.dumps([1.0] * 100)],
    ids=["empty", "newline", "text", "png", "zeros", "zip", "pickle"],
)
def test_what_is_not_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(NetFileError, match=r"net\.onnx: expected an ONNX file"):
        read_net(path)


def test_a_pickle_called_onnx_is_refused_and_never_runs(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(pickle.dumps(_Bomb(tmp_path / "boom")))
    with pytest.raises(NetFileError):
        read_net(path)
    assert not (tmp_path / "boom").exists()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NetFileError, match="cannot be read: No such file"):
        read_net(tmp_path / "none.onnx")


def test_a_folder_or_a_device_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(NetFileError, match="expected a file"):
            read_net(path)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(NetFileError, match="cannot be read"):
        read_net("a\0b.onnx")


def test_plain_onnx_is_refused_with_the_way_to_import_it(tmp_path: Path) -> None:
    onnx.save(tint_model(), tmp_path / "plain.onnx")
    with pytest.raises(NetFileError, match=r"rtstyle styles import .*plain\.onnx"):
        read_net(tmp_path / "plain.onnx")


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    content = tint_net().model
    path = tmp_path / "net.onnx"
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(NetFileError):
            read_net(path)


_CONTENT = tint_net().model


@settings(max_examples=150, deadline=None)
@given(
    places=st.lists(st.integers(0, len(_CONTENT) - 1), min_size=1, max_size=6), values=st.binary(min_size=6, max_size=6)
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, places: list[int], values: bytes
) -> None:
    damaged = bytearray(_CONTENT)
    for place, value in zip(places, values, strict=False):
        damaged[place] = value
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(damaged)
    with contextlib.suppress(NetFileError):
        read_net(path)


@pytest.mark.parametrize("auto", [True, False])
def test_whether_auto_may_take_a_net_stands_in_its_file(tmp_path: Path, auto: bool) -> None:
    net = tint_net()
    write_net(tmp_path / "net.onnx", net_from_model(onnx.load_from_string(net.model), replace(net.spec, auto=auto)))
    assert read_net(tmp_path / "net.onnx").spec.auto is auto


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """protobuf then hands out bytes, which do not sort among strings."""
    declared = b"\x05style\x12"  # among the inputs: length, name, and the tag of its type
    assert _CONTENT.count(declared) == 1
    (tmp_path / "net.onnx").write_bytes(_CONTENT.replace(declared, b"\x05\xfftyle\x12"))
    with pytest.raises(NetFileError, match="expected inputs frame"):
        read_net(tmp_path / "net.onnx")


def _set(key: str, value: str | None) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        kept = {prop.key: prop.value for prop in model.metadata_props}
        kept.pop("rtstyle." + key, None)
        if value is not None:
            kept["rtstyle." + key] = value
        del model.metadata_props[:]
        for name, text in kept.items():
            model.metadata_props.add(key=name, value=text)

    return change


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("format", "2", "net format 1 is expected, this file has format '2'"),
        ("format", "", "net format 1 is expected"),
        ("kind", "music", "the kind of a net is one of style, upscale"),
        ("kind", None, "the metadata has no rtstyle.kind"),
        ("name", "", "a net's name"),
        ("name", "../../etc/passwd", "a net's name"),
        ("name", "a,b", "a net's name"),
        ("name", "a:0.5", "a net's name"),
        ("name", "a\nb", "a net's name"),
        ("scale", "0", "scale of a net is 1 to 8"),
        ("scale", "two", "wrong metadata"),
        ("size_multiple", "65", "size_multiple of a net is 1 to 64"),
        ("size_multiple", None, "the metadata has no rtstyle.size_multiple"),
        ("style_length", "-1", "style_length of a net is 0 to"),
        ("style_length", "0", "expected inputs frame"),
        ("style_length", "4", r"expected inputs .*style float \(1, 4\), found .*style float \(1, 3\)"),
        ("margin", "nan", "wrong metadata"),
        ("training", "{", "wrong metadata"),
        ("training", "[]", "training facts are not a JSON object"),
        ("licence", None, "the metadata has no rtstyle.licence"),
        ("auto", "perhaps", "rtstyle.auto is yes or no, got 'perhaps'"),
    ],
)
def test_wrong_metadata_is_refused(tmp_path: Path, key: str, value: str | None, said: str) -> None:
    with pytest.raises(NetFileError, match=said):
        read_changed(tmp_path, _set(key, value))


def test_a_model_that_does_not_fit_its_spec_is_refused_before_it_is_written() -> None:
    with pytest.raises(NetFileError, match="expected inputs"):
        net_from_model(identity_model(), SPEC)
