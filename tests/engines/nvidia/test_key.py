from __future__ import annotations

import pytest

from engines.errors import BadInputError
from engines.nvidia.key import parse_targets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("this", ("this",)),
        ("sm89", ("sm89",)),
        ("sm120,sm75,SM89", ("sm75", "sm89", "sm120")),
        ("rtx-4090", ("sm89",)),
        ("RTX 4090", ("sm89",)),
        ("NVIDIA GeForce RTX 3060 Ti", ("sm86",)),
        ("rtx-4070-ti-super,rtx4080-laptop", ("sm89",)),
        ("t4, gtx-1660-super", ("sm75",)),
        ("h200", ("sm90",)),
    ],
)
def test_targets_are_known_by_capability_and_by_name(text: str, expected: tuple[str, ...]) -> None:
    assert parse_targets(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rtx-4091", "did you mean rtx-4090"),
        ("sm61", "no build target is called 'sm61'"),
        ("", "got nothing"),
        ("this,sm89", "stands alone"),
    ],
)
def test_unknown_targets_are_refused_with_the_nearest(text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        parse_targets(text)
