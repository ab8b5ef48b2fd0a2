from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines.errors import BadInputError
from train.credits import SHIPPED_CREDITS, Credit, read_credits, style_name


@pytest.mark.parametrize(
    ("text", "name"),
    [("My Painting (1)", "my-painting-1"), ("Fernand Léger", "fernand-leger"), ("--a__b--", "a-b"), ("udnie", "udnie")],
)
def test_a_style_name_is_made_of_any_text(text: str, name: str) -> None:
    assert style_name(text) == name


def test_a_name_without_letters_is_refused() -> None:
    with pytest.raises(BadInputError, match="letters or digits"):
        style_name("!!!")


def test_paintings_without_credits_are_called_by_their_files() -> None:
    assert read_credits(None, ["Big Sky", "b"]) == [Credit(name="big-sky"), Credit(name="b")]


def test_credits_name_the_shipped_styles() -> None:
    found = read_credits(SHIPPED_CREDITS, ["great-wave", "udnie"])
    assert found[0].name == "wave"
    assert found[0].artist == "Katsushika Hokusai"
    assert found[1].name == "udnie"


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"a": {"artst": "typo"}}', '{"a": 1}', '{"a": {"name": "Not A Name"}}']
)
def test_wrong_credits_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "credits.json"
    path.write_text(content)
    with pytest.raises(BadInputError, match=r"credits\.json"):
        read_credits(path, ["a"])


def test_every_shipped_credit_says_who_when_and_under_which_licence() -> None:
    for file in json.loads(SHIPPED_CREDITS.read_text(encoding="utf-8")):
        credit = read_credits(SHIPPED_CREDITS, [file])[0]
        assert credit.artist and credit.title and credit.year and credit.licence  # noqa: PT018 (one fact)
