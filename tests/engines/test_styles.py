from __future__ import annotations

import contextlib
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.errors import BadInputError
from engines.library import Library, shipped_folder
from engines.styles import AUTO_NET, blend, parse_blend, resolve_style, resolve_styles
from tests.engines.nets import add_net, add_style, identity_net, tint_net, vector

NAMES = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True)
WEIGHTS = st.floats(1e-6, 1e6)
PARTS = st.lists(st.tuples(NAMES, WEIGHTS), min_size=1, max_size=6)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    net = tint_net()
    add_net(tmp_path, net)
    add_style(tmp_path, net, "red", vector(100, 0, 0))
    add_style(tmp_path, net, "green", vector(0, 50, 0))
    add_net(tmp_path, identity_net())
    add_net(tmp_path, identity_net(name="large", scale=2))
    add_net(tmp_path, tint_net(name="bare", size_multiple=2))
    return Library(tmp_path)


def _typed(parts: list[tuple[str, float]]) -> str:
    return ",".join(f"{name}:{weight!r}" for name, weight in parts)


@settings(max_examples=40)
@given(PARTS)
def test_weights_sum_to_one_and_keep_their_proportions(parts: list[tuple[str, float]]) -> None:
    weights = parse_blend(_typed(parts))
    assert sum(weights.values()) == pytest.approx(1)
    total = sum(weight for _, weight in parts)
    for name in {name for name, _ in parts}:
        assert weights[name] == pytest.approx(sum(w for n, w in parts if n == name) / total)


@settings(max_examples=40)
@given(PARTS, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(parts: list[tuple[str, float]], chance: random.Random) -> None:
    turned = list(parts)
    chance.shuffle(turned)
    assert parse_blend(_typed(turned)) == pytest.approx(parse_blend(_typed(parts)))


@given(st.text(max_size=40))
def test_any_text_gives_weights_or_bad_input_and_nothing_else(text: str) -> None:
    with contextlib.suppress(BadInputError):
        weights = parse_blend(text)
        assert weights
        assert sum(weights.values()) == pytest.approx(1)
        assert all(weights)


@given(st.text(alphabet="udniewav:,.05/\\ \0\n-+eE\udcff", max_size=25))
def test_any_text_after_style_gives_a_style_or_bad_input_and_nothing_else(text: str) -> None:
    library = Library(shipped_folder())
    with contextlib.suppress(BadInputError):
        vector = resolve_style(text, library=library).vector
        assert vector is not None
        assert np.isfinite(vector).all()


@pytest.mark.parametrize(
    "text",
    ["", ",", "red,", ":", ":1", "red:", "red:0", "red:-1", "red:nan", "red:inf", "red:1e9", "red:x", "red::", "a,,b"],
)
def test_malformed_blends_are_bad_input_that_shows_the_form(text: str) -> None:
    with pytest.raises(BadInputError, match="NAME:WEIGHT"):
        parse_blend(text)


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("red", {"red": 1}),
        ("red,green", {"red": 0.5, "green": 0.5}),
        ("red:3,green:1", {"red": 0.75, "green": 0.25}),
        (" red : 3 , green : 1 ", {"red": 0.75, "green": 0.25}),
        ("red,red,green", {"red": 2 / 3, "green": 1 / 3}),
        ("/a:b/red.safetensors", {"/a:b/red.safetensors": 1}),
        (r"C:\styles\red.safetensors:3,green", {r"C:\styles\red.safetensors": 0.75, "green": 0.25}),
    ],
)
def test_well_formed_blends(text: str, weights: dict[str, float]) -> None:
    assert parse_blend(text) == pytest.approx(weights)


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=5))
def test_a_blend_is_the_weighted_mean_of_the_vectors(weights: list[float]) -> None:
    chance = np.random.default_rng(0)
    vectors = [chance.normal(size=20).astype(np.float32) for _ in weights]
    expected = sum(w * v.astype(float) for w, v in zip(weights, vectors, strict=True)) / sum(weights)
    mixed = blend(vectors, weights)
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, expected, atol=1e-5)


def test_a_style_alone_is_its_own_vector(library: Library) -> None:
    found = resolve_style("red", library=library)
    assert (found.label, found.net.spec.name) == ("red", "tint")
    assert np.array_equal(found.vector, vector(100, 0, 0))  # type: ignore[arg-type]


def test_styles_are_blended(library: Library) -> None:
    assert np.allclose(resolve_style("red:3,green:1", library=library).vector, [75, 12.5, 0])  # type: ignore[arg-type]


def test_without_a_style_the_default_or_the_first_of_the_net_is_taken(library: Library) -> None:
    assert resolve_style().label == "udnie"
    assert resolve_style(net="tint", library=library).label == "green"


def test_a_net_without_styles_needs_no_vector(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for text, net in [("same", None), (None, "same"), ("same", "same"), ("./same.onnx", None), (None, "./same.onnx")]:
        found = resolve_style(text, net=net, library=library)
        assert found.net.spec.name == "same"
        assert found.vector is None


@pytest.mark.parametrize(
    ("text", "net", "said"),
    [
        ("red", "same", "net same has one style only"),
        ("same,red", None, "net same has one style only"),
        (None, "large", "net large is for upscale"),
        (None, "bare", "net bare has no styles yet"),
        ("rad", "tint", "did you mean red"),
        ("red,gren", None, "did you mean green"),
        ("red", "tnt", "no net is called 'tnt', did you mean tint"),
        ("red", "", "no net is called ''"),
    ],
)
def test_styles_that_are_not_there_are_bad_input(
    library: Library, text: str | None, net: str | None, said: str
) -> None:
    with pytest.raises(BadInputError, match=said):
        resolve_style(text, net=net, library=library)


def test_a_style_that_several_nets_have_is_resolved_for_each_and_a_named_net_only_its_own(
    library: Library, tmp_path: Path
) -> None:
    for name in ("fast", "zebra"):
        net = tint_net(name=name)
        add_net(tmp_path, net)
        add_style(tmp_path, net, "red", vector(1, 0, 0))
    for auto in (None, AUTO_NET):
        assert [found.net.spec.name for found in resolve_styles("red", net=auto, library=library)] == [
            "fast",
            "tint",
            "zebra",
        ]
    assert [found.net.spec.name for found in resolve_styles("red", net="zebra", library=library)] == ["zebra"]
    assert [found.net.spec.name for found in resolve_styles("same", library=library)] == ["same"]
    assert resolve_style("red", library=library).net.spec.name == "fast"


def test_a_blend_is_painted_by_the_nets_that_have_all_of_it(library: Library, tmp_path: Path) -> None:
    net = tint_net(name="fast")
    add_net(tmp_path, net)
    add_style(tmp_path, net, "red", vector(1, 0, 0))
    assert [found.net.spec.name for found in resolve_styles("red,green", library=library)] == ["tint"]


def test_a_further_net_that_cannot_be_used_is_left_out_and_said(library: Library, tmp_path: Path) -> None:
    add_style(tmp_path, tint_net(name="zebra"), "red", vector(1, 0, 0))
    add_net(tmp_path, tint_net(name="zebra", size_multiple=2))
    notices: list[str] = []
    assert [found.net.spec.name for found in resolve_styles("red", library=library, notice=notices.append)] == ["tint"]
    assert len(notices) == 1
    assert notices[0].startswith("net zebra is left out: style red was made for net zebra")
