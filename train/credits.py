"""Whose pictures the styles are: read from `credits.json` beside the paintings, or the table for the shipped bank."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from engines.errors import BadInputError

__all__ = ["Credit", "SHIPPED_CREDITS", "read_credits"]

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


def read_credits(path: Path | None, files: list[str]) -> list[Credit]:
    """Credits for painting files (their names without suffix), in that order; bare names where the file has none.

    path: JSON object from file name to the fields of Credit. Raises BadInputError for anything else.
    """
    if path is None:
        return [Credit(name=file) for file in files]
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return [Credit(**({"name": file} | table.get(file, {}))) for file in files]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInputError(f"{path}: expected a JSON object of credits by file name: {error}") from error
