from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engines.cache import times_path
from hypothesis import given
from hypothesis import strategies as st

from engines.contract import EngineOptions
from engines.errors import BackendError
from engines.library import Library
from realtime.net_choice import SHARE, NetChoice, best_first, choose, pick, predict
from realtime.pipeline import ResolvedPipeline, resolve, resolve_all
from realtime.user_options import StyleOptions
from tests.engines.nets import add_net, add_style, identity_net, slow_net, tint_net, vector

_SIZE = (96, 64)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Style red in net `fast`, which is quick, and in net `rich`, which has much more to do."""
    for net in (tint_net(name="fast"), slow_net(name="rich")):
        add_net(tmp_path / "nets", net)
        add_style(tmp_path / "nets", net, "red", vector(90, 0, 0))
    add_net(tmp_path / "nets", identity_net(name="sr2-fidelity", scale=2))
    return Library(tmp_path / "nets")


@pytest.fixture
def found(library: Library) -> list[ResolvedPipeline]:
    return list(resolve_all(StyleOptions(style="red"), library=library))


def _choose(
    found: list[ResolvedPipeline], cache: Path | None, *, fps: float, notices: list[str] | None = None
) -> tuple[str, NetChoice | None]:
    said: list[str] = []
    options = EngineOptions(cache=cache)
    taken, choice = choose(found, _SIZE, fps=fps, backend="openvino", options=options, notice=said.append)
    if notices is None:
        assert said == []
    else:
        notices.extend(said)
    return taken.net.spec.name, choice


def test_nets_are_ranked_by_their_weights(found: list[ResolvedPipeline]) -> None:
    assert [pipeline.net.spec.name for pipeline in found] == ["fast", "rich"]
    assert [pipeline.net.spec.name for pipeline in best_first(found)] == ["rich", "fast"]


def test_a_net_whose_file_says_so_is_taken_by_its_name_only(found: list[ResolvedPipeline], tmp_path: Path) -> None:
    fast, rich = found
    shy = replace(rich, net=replace(rich.net, spec=replace(rich.net.spec, auto=False)))
    assert _choose([fast, shy], tmp_path / "cache", fps=0.01) == ("fast", None)
    assert _choose([shy], tmp_path / "cache", fps=0.01) == ("rich", None)


def test_a_net_that_is_alone_is_taken_without_timing(found: list[ResolvedPipeline], tmp_path: Path) -> None:
    assert _choose(found[1:], tmp_path / "cache", fps=1e6) == ("rich", None)
    assert not (tmp_path / "cache").exists()


def test_time_enough_takes_the_best_and_no_time_the_quickest_and_both_are_remembered(
    found: list[ResolvedPipeline], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    net, hurried = _choose(found, cache, fps=1e6)
    assert hurried is not None
    assert (net, hurried.net, hurried.keeps, hurried.remembered) == ("fast", "fast", False, False)
    assert list(hurried.times_ms) == ["fast"]  # a larger one would not keep the rate either
    net, relaxed = _choose(found, cache, fps=0.01)
    assert relaxed is not None
    assert (net, relaxed.keeps, relaxed.remembered) == ("rich", True, False)
    assert relaxed.times_ms == {"rich": relaxed.ms, "fast": hurried.ms}
    assert list(relaxed.times_ms) == ["rich", "fast"]
    for fps, before in ((0.01, relaxed), (1e6, hurried)):
        again = _choose(found, cache, fps=fps)[1]
        assert again is not None
        assert again.remembered
        assert (again.net, again.keeps, again.times_ms) == (before.net, before.keeps, before.times_ms)


def test_the_line_says_which_net_why_and_how_long_it_takes(found: list[ResolvedPipeline], tmp_path: Path) -> None:
    choice = _choose(found, tmp_path, fps=0.01)[1]
    assert choice is not None
    line = choice.line()
    for text in (
        "net rich paints",
        "best that keeps 0.01 frames/s at 96x64",
        f"{choice.ms:.1f} ms",
        "timed now",
        "fast",
    ):
        assert text in line
    hurried = _choose(found, tmp_path, fps=1e6)[1]
    assert hurried is not None
    assert "net fast paints: the quickest, none keeps 1e+06 frames/s" in hurried.line()
    assert json.loads(json.dumps(choice.as_dict()))["times_ms"] == choice.times_ms


def test_another_style_of_the_same_nets_uses_the_same_memory_and_a_changed_net_does_not(
    library: Library, tmp_path: Path
) -> None:
    for name in ("fast", "rich"):
        add_style(tmp_path / "nets", library.net(name), "blue", vector(0, 0, 90))
    _choose(list(resolve_all(StyleOptions(style="red"), library=library)), tmp_path / "cache", fps=0.01)
    choice = _choose(list(resolve_all(StyleOptions(style="blue"), library=library)), tmp_path / "cache", fps=0.01)[1]
    assert choice is not None
    assert choice.remembered
    changed = slow_net(name="rich", channels=96)
    add_net(tmp_path / "nets", changed)
    add_style(tmp_path / "nets", changed, "blue", vector(0, 0, 90))
    choice = _choose(list(resolve_all(StyleOptions(style="blue"), library=library)), tmp_path / "cache", fps=0.01)[1]
    assert choice is not None
    assert not choice.remembered


def test_a_damaged_memory_is_said_and_written_anew(found: list[ResolvedPipeline], tmp_path: Path) -> None:
    _choose(found, tmp_path, fps=0.01)
    times_path(tmp_path).write_bytes(b"nonsense")
    notices: list[str] = []
    choice = _choose(found, tmp_path, fps=0.01, notices=notices)[1]
    assert choice is not None
    assert not choice.remembered
    assert ["damaged" in notice for notice in notices] == [True]
    choice = _choose(found, tmp_path, fps=0.01)[1]
    assert choice is not None
    assert choice.remembered


def test_without_a_cache_it_is_timed_each_time(found: list[ResolvedPipeline]) -> None:
    for _ in range(2):
        choice = _choose(found, None, fps=0.01)[1]
        assert choice is not None
        assert not choice.remembered


def test_an_upscaler_counts_towards_the_time(library: Library, tmp_path: Path) -> None:
    for sr in (None, 2):
        mode = None if sr is None else "fidelity"
        found = list(resolve_all(StyleOptions(style="red", sr=sr, sr_mode=mode), library=library))
        assert [pipeline.scale for pipeline in found] == [sr or 1] * 2
        choice = _choose(found, tmp_path / "cache", fps=0.01)[1]
        assert choice is not None
        assert not choice.remembered
    entries = json.loads(times_path(tmp_path / "cache").read_text())["times"].values()
    assert [entry["facts"]["nets"] for entry in entries] == [
        ["fast"],
        ["rich"],
        ["fast", "sr2-fidelity"],
        ["rich", "sr2-fidelity"],
    ]


def test_a_net_that_the_backend_cannot_run_is_left_out_and_said(tmp_path: Path, found: list[ResolvedPipeline]) -> None:
    (broken,) = resolve_all(StyleOptions(style="red", net="fast"), library=Library(tmp_path / "nets"))
    model = broken.net.model.replace(b"Reshape", b"Unshape")
    assert model != broken.net.model
    odd = ResolvedPipeline(
        net=type(broken.net)(spec=broken.net.spec, model=model, digest="0" * 64),
        params=broken.params,
        style=broken.style,
    )
    notices: list[str] = []
    net, choice = _choose([odd, found[1]], tmp_path, fps=1e6, notices=notices)
    assert choice is not None
    assert (net, list(choice.times_ms)) == ("rich", ["rich"])
    assert [notice.startswith("net fast is left out: ") for notice in notices] == [True]
    with pytest.raises(BackendError):
        _choose([odd, odd], tmp_path, fps=1e6)


def test_a_forecast_from_memory_alone_times_nothing_and_may_not_know(
    found: list[ResolvedPipeline], tmp_path: Path
) -> None:
    def ask(fps: float) -> NetChoice | None:
        options = EngineOptions(cache=tmp_path)
        return predict(found, _SIZE, fps=fps, backend="openvino", options=options, notice=pytest.fail, timing="never")

    assert ask(1e6) is None
    _choose(found, tmp_path, fps=1e6)
    known = ask(1e6)
    assert known is not None
    assert (known.net, known.remembered) == ("fast", True)
    assert ask(0.01) is None  # the larger one was never timed


def test_without_a_deadline_the_default_net_paints_unless_only_others_have_the_style(
    library: Library, tmp_path: Path
) -> None:
    assert resolve(StyleOptions(style="red"), library=library).net.spec.name == "fast"
    assert resolve(StyleOptions(style="red", net="auto"), library=library).net.spec.name == "fast"
    assert resolve(StyleOptions(style="red", net="rich"), library=library).net.spec.name == "rich"
    add_style(tmp_path / "nets", library.net("rich"), "blue", vector(0, 0, 90))
    only = resolve(StyleOptions(style="blue"), library=library)
    assert only.net.spec.name == "rich"
    assert np.array_equal(only.params.vector, vector(0, 0, 90))  # type: ignore[arg-type]


_TIMES = st.dictionaries(st.text(min_size=1), st.floats(1e-3, 1e5), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("times_ms", "fps", "taken"),
    [
        ({"johnson": 20.0, "fast": 8.0, "micro": 3.0}, 30, ("johnson", True)),
        ({"johnson": 200.0, "fast": 29.0, "micro": 10.0}, 30, ("fast", True)),
        ({"johnson": 200.0, "fast": 31.0, "micro": 10.0}, 30, ("micro", True)),  # 31 of 33.3 ms leaves too little
        ({"johnson": 200.0, "fast": 90.0, "micro": 40.0}, 30, ("micro", False)),
        ({"johnson": 200.0, "fast": 40.0, "micro": 90.0}, 30, ("fast", False)),
        ({"johnson": 200.0, "fast": 90.0, "micro": 40.0}, 1, ("johnson", True)),
        ({"fast": 90.0}, 30, ("fast", False)),
        ({"fast": 10.0, "micro": 10.0}, 1e6, ("fast", False)),
    ],
)
def test_the_best_net_that_keeps_the_rate_is_picked_or_else_the_quickest(
    times_ms: Mapping[str, float], fps: float, taken: tuple[str, bool]
) -> None:
    assert pick(times_ms, fps) == taken


@given(_TIMES, st.floats(0.1, 1000))
def test_what_is_picked_keeps_the_rate_whenever_any_net_does(times_ms: dict[str, float], fps: float) -> None:
    net, keeps = pick(times_ms, fps)
    assert keeps == any(ms * fps <= 1000 * SHARE for ms in times_ms.values())
    names = list(times_ms)
    if keeps:
        assert all(times_ms[better] * fps > 1000 * SHARE for better in names[: names.index(net)])
    else:
        assert times_ms[net] == min(times_ms.values())


@given(_TIMES, st.floats(0.1, 500))
def test_a_higher_rate_never_picks_a_slower_net(times_ms: dict[str, float], fps: float) -> None:
    relaxed, hurried = pick(times_ms, fps), pick(times_ms, 2 * fps)
    assert times_ms[hurried[0]] <= times_ms[relaxed[0]] or not relaxed[1] or hurried[1]
