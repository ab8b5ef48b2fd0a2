"""Whose pictures the styles are: read from `credits.json` beside the paintings, or the table for the shipped bank."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from engines.errors import BadInputError

__all__ = ["Credit", "SHIPPED_CREDITS", "read_credits", "style_name"]

SHIPPED_CREDITS = Path(__file__).with_name("credits.json")
"""The paintings of the shipped bank, and an example of the format."""


@dataclass(frozen=True, kw_only=True)
class Credit:
    """One painting. `name` is the style's name, the rest is for people."""

    name: str
    title: str = ""
    artist: str = ""
    year: str = ""
    licence: str = ""
    source: str = ""


def style_name(text: str) -> str:
    """A name for a style: lower case letters, digits and hyphens made of any text. Raises BadInputError for none."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not name:
        raise BadInputError(f"expected a name with letters or digits, got {text!r}: name the style")
    return name


def read_credits(path: Path | None, files: list[str]) -> list[Credit]:
    """Credits for painting files (their names without suffix), in that order; names alone where the file has none.

    path: JSON object from file name to the fields of Credit. Raises BadInputError for anything else.
    """
    try:
        table = {} if path is None else json.loads(path.read_text(encoding="utf-8"))
        found = [Credit(**({"name": style_name(file)} | table.get(file, {}))) for file in files]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInputError(f"{path}: expected a JSON object of credits by file name: {error}") from error
    for credit in found:
        if credit.name != style_name(credit.name):
            raise BadInputError(
                f"{path}: a style's name is made of lower case letters, digits and hyphens: {credit.name!r}"
            )
    return found
