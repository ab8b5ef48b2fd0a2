from pathlib import Path

import pytest

from engines.errors import BadInputError
from engines.library import Library
from engines.upscalers import DEFAULT_SR_MODE, upscaler, upscalers
from tests.engines.nets import add_net, identity_net, tint_net


@pytest.fixture
def library(tmp_path: Path) -> Library:
    for scale, mode in ((4, "perceptual"), (2, "perceptual"), (4, "fidelity")):
        add_net(tmp_path, identity_net(name=f"sr{scale}-{mode}", scale=scale))
    add_net(tmp_path, tint_net(name="fast"))
    return Library(tmp_path)


def test_upscalers_are_found_by_their_names_and_sorted_by_scale(library: Library) -> None:
    assert list(upscalers(library)) == ["sr2-perceptual", "sr4-fidelity", "sr4-perceptual"]


def test_a_scale_alone_gives_the_default_mode(library: Library) -> None:
    assert upscaler(4, library=library).spec.name == f"sr4-{DEFAULT_SR_MODE}"


def test_a_mode_can_be_chosen(library: Library) -> None:
    assert upscaler(4, "fidelity", library=library).spec.name == "sr4-fidelity"


@pytest.mark.parametrize(("scale", "mode"), [(3, None), (2, "fidelity"), (-4, None)])
def test_what_is_not_there_is_an_error_that_says_what_is(library: Library, scale: int, mode: str | None) -> None:
    with pytest.raises(BadInputError, match=r"there are: 2 \(perceptual\), 4 \(fidelity\), 4 \(perceptual\)"):
        upscaler(scale, mode, library=library)


def test_an_unknown_mode_is_refused(library: Library) -> None:
    with pytest.raises(BadInputError, match="fidelity, perceptual"):
        upscaler(4, "pretty", library=library)


def test_a_net_of_another_scale_under_that_name_is_refused(tmp_path: Path) -> None:
    add_net(tmp_path, identity_net(name="sr3-perceptual", scale=2))
    with pytest.raises(BadInputError, match="enlarges 3 times, this one does 2"):
        upscaler(3, library=Library(tmp_path))
