from __future__ import annotations

import pytest

from engines.names import nearest


@pytest.mark.parametrize(
    ("name", "said"),
    [("udine", "did you mean udnie?"), ("WAVE", "there are: "), ("night", "did you mean starry-night?")],
)
def test_the_nearest_name_is_suggested(name: str, said: str) -> None:
    assert said in nearest(name, ["wave", "udnie", "starry-night"])


def test_without_a_near_name_all_are_told() -> None:
    assert nearest("xyzzy", ["b", "a"]) == "; there are: a, b"
    assert nearest("", ["b", "a"]) == "; there are: a, b"
    assert nearest("xyzzy", []) == ", there are none"
