from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.errors import BadInputError
from engines.library import Library
from realtime.pipeline import recipe
from tests.engines.nets import add_net, add_style, identity_net, tint_net, vector


@pytest.fixture
def library(tmp_path: Path) -> Library:
    net = tint_net(name="fast")
    add_net(tmp_path, net)
    add_style(tmp_path, net, "udnie", vector(1, 2, 3))
    add_net(tmp_path, identity_net(name="sr2-perceptual", scale=2))
    add_net(tmp_path, identity_net(name="sr4-fidelity", scale=4))
    return Library(tmp_path)


def test_a_style_alone_paints_in_the_same_size(library: Library) -> None:
    found = recipe("udnie", strength=0.5, keep_colors=True, library=library)
    assert (found.net.spec.name, found.upscaler, found.scale) == ("fast", None, 1)
    assert (found.treatment.strength, found.treatment.keep_colors) == (0.5, True)
    assert np.array_equal(found.treatment.vector, vector(1, 2, 3))  # type: ignore[arg-type]


def test_sr_alone_only_enlarges(library: Library) -> None:
    found = recipe(sr=4, sr_mode="fidelity", library=library)
    assert (found.net.spec.name, found.upscaler, found.look, found.scale) == ("sr4-fidelity", None, None, 4)
    assert found.treatment.vector is None


def test_sr_after_a_style_does_both_and_the_net_is_that_of_the_style(library: Library) -> None:
    found = recipe("udnie", net="fast", strength=0.3, sr=2, library=library)
    assert found.upscaler is not None
    assert (found.net.spec.name, found.upscaler.spec.name, found.scale) == ("fast", "sr2-perceptual", 2)
    assert found.treatment.strength == 0.3


def test_the_default_style_is_painted_where_painting_is_what_is_asked_for(library: Library) -> None:
    found = recipe(sr=2, strength=0.5, always_paint=True, library=library)
    assert found.look is not None
    assert (found.look.label, found.scale) == ("udnie", 2)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"sr": 2, "strength": 0.5}, "--strength is for painting"),
        ({"sr": 2, "keep_colors": True}, "--keep-colors is for painting"),
        ({"sr": 2, "net": "fast"}, "--net is for painting"),
        ({"sr_mode": "fidelity"}, "say with --sr how much"),
        ({"style": "udnie", "sr_mode": "fidelity"}, "say with --sr how much"),
        ({"style": "udnie", "sr": 3}, r"enlarges 3 times \(perceptual\); there are: 2 \(perceptual\), 4 \(fidelity\)"),
        ({"sr": 2, "sr_mode": "pretty"}, "one of fidelity, perceptual"),
    ],
)
def test_what_would_have_no_effect_or_is_not_there_is_refused_in_one_line(
    library: Library, asked: dict[str, Any], text: str
) -> None:
    with pytest.raises(BadInputError, match=text) as caught:
        recipe(**asked, library=library)
    assert "\n" not in str(caught.value)
