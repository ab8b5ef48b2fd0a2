from __future__ import annotations

import contextlib
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from engines.errors import OutputError, StyleFileError
from engines.library import Library, Style, check_belongs, read_style, shipped_folder, write_style
from tests.engines.nets import tint_net, vector

STYLE = Style(
    name="red-2",
    vector=vector(1, 2, 3),
    net="tint",
    net_digest="0" * 64,
    title="Röt",
    artist="Ä. Painter",
    year="c. 1900",
    licence="public domain",
    source="a book",
)


def test_a_style_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "tint" / "red-2.safetensors"
    write_style(path, STYLE)
    read = read_style(path)
    assert np.array_equal(read.vector, STYLE.vector)
    assert replace(read, vector=STYLE.vector).__dict__ == STYLE.__dict__


def test_the_shipped_styles_are_a_few_kilobytes_and_belong_to_their_net() -> None:
    library = Library(shipped_folder())
    for name in library.nets():
        net = library.net(name)
        for style, path in library.styles(name).items():
            assert path.stat().st_size < 16_000
            check_belongs(library.style(style, net), net)


@pytest.mark.parametrize(
    "content",
    [b"", b"text", bytes(100), b"PK\x03\x04" + bytes(100), pickle.dumps([1.0] * 50), b"\xff" * 64],
    ids=["empty", "text", "zeros", "zip", "pickle", "huge header"],
)
def test_what_is_not_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "red.safetensors"
    path.write_bytes(content)
    with pytest.raises(StyleFileError, match=r"red\.safetensors: expected a safetensors file"):
        read_style(path)


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.target,))


def test_a_pickle_called_safetensors_is_refused_and_never_runs(tmp_path: Path) -> None:
    path = tmp_path / "red.safetensors"
    path.write_bytes(pickle.dumps(_Bomb(tmp_path / "boom")))
    with pytest.raises(StyleFileError):
        read_style(path)
    assert not (tmp_path / "boom").exists()


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StyleFileError, match="cannot be read: No such file"):
        read_style(tmp_path / "none.safetensors")
    with pytest.raises(StyleFileError, match="expected a file"):
        read_style(tmp_path)
    with pytest.raises(StyleFileError, match="cannot be read"):
        read_style("a\0b.safetensors")


def test_a_file_far_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "red.safetensors"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(StyleFileError, match="expected at most 16 MB"):
        read_style(path)


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "red.safetensors"
    write_style(path, STYLE)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(StyleFileError):
            read_style(path)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    write_style(path, STYLE)
    damaged = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=5)):
        damaged[place] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    with contextlib.suppress(StyleFileError):
        assert np.isfinite(read_style(path).vector).all()


def _metadata(**changes: str | None) -> dict[str, str]:
    every = {"format": "1", "name": "red", "net": "tint", "net_digest": "0" * 64} | changes
    return {key: value for key, value in every.items() if value is not None}


@pytest.mark.parametrize(
    ("tensors", "metadata", "said"),
    [
        ({"style": vector(1, 2, 3)}, _metadata(format="2"), "style format 1 is expected, this file has 2"),
        ({"style": vector(1, 2, 3)}, _metadata(format=None), "style format 1 is expected, this file has none"),
        ({"style": vector(1, 2, 3)}, None, "style format 1 is expected, this file has none"),
        ({"style": vector(1, 2, 3)}, _metadata(name=None), "no name"),
        ({"style": vector(1, 2, 3)}, _metadata(net="", net_digest=None), "no net and no net_digest"),
        ({"style": vector(1, 2, 3)}, _metadata(name="../red"), "a style's name is made of"),
        ({"style": vector(1, 2, 3)}, _metadata(name="Red,Green"), "a style's name is made of"),
        ({"styles": vector(1, 2, 3)}, _metadata(), "one tensor named style, found styles"),
        ({"style": vector(1, 2, 3), "more": vector(1, 2, 3)}, _metadata(), "found more, style"),
        ({}, _metadata(), "found none"),
        ({"style": vector(1, np.nan, 3)}, _metadata(), "NaN or infinity"),
        ({"style": vector(1, -np.inf, 3)}, _metadata(), "NaN or infinity"),
        ({"style": np.zeros((1, 3), np.float32)}, _metadata(), r"float32 \(1, 3\)"),
        ({"style": np.zeros(0, np.float32)}, _metadata(), r"float32 \(0,\)"),
        ({"style": np.zeros(3, np.float64)}, _metadata(), r"float64 \(3,\)"),
        ({"style": np.zeros(3, np.uint8)}, _metadata(), r"uint8 \(3,\)"),
    ],
)
def test_wrong_content_is_refused(
    tmp_path: Path, tensors: dict[str, Any], metadata: dict[str, str] | None, said: str
) -> None:
    path = tmp_path / "red.safetensors"
    path.write_bytes(save(tensors, metadata))
    with pytest.raises(StyleFileError, match=said) as caught:
        read_style(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "F4", "NONSENSE"])
def test_number_types_that_numpy_does_not_know_are_refused(tmp_path: Path, dtype: str) -> None:
    header = json.dumps(
        {"__metadata__": _metadata(), "style": {"dtype": dtype, "shape": [8], "data_offsets": [0, 16]}}
    ).encode()
    path = tmp_path / "red.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    with pytest.raises(StyleFileError):
        read_style(path)


def test_a_style_of_another_net_is_refused_with_both_names() -> None:
    net = tint_net()
    check_belongs(replace(STYLE, net_digest=net.digest), net)
    with pytest.raises(StyleFileError, match=f"made for net tint 000000000000, not for tint {net.digest[:12]}"):
        check_belongs(STYLE, net)


def test_a_style_of_the_wrong_length_is_refused() -> None:
    net = tint_net()
    with pytest.raises(StyleFileError, match="expected 3 numbers for net tint, got 4"):
        check_belongs(replace(STYLE, net_digest=net.digest, vector=np.zeros(4, np.float32)), net)


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "tint").write_text("a file stands in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        write_style(tmp_path / "tint" / "red.safetensors", STYLE)
