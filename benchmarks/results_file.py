"""Reads results of `rtstyle bench fps`: those of one combination and those of a sweep, older ones too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.errors import BadInputError

__all__ = ["latency_of", "read_result", "rows_of"]


def read_result(path: Path) -> dict[str, Any]:
    """The object in the file. Raises BadInputError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise BadInputError(f"{path}: expected JSON, as `rtstyle bench fps --json` prints it") from error
    if not isinstance(found, dict) or not isinstance(found.get("machine"), dict):
        raise BadInputError(f"{path}: expected results with the machine they were measured on, as --json prints them")
    return found


def rows_of(result: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows of a sweep; results of one combination are a sweep of one row. `name` is for the error."""
    rows = result["rows"] if "rows" in result else [dict(result)]
    if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise BadInputError(f"{name}: expected results of rtstyle bench fps, got others")
    return rows


def latency_of(row: Mapping[str, Any]) -> dict[str, float]:
    """p50, p95 and p99 of the time from capture to shown, in ms; results of version 0.1 have those of the last run."""
    found: dict[str, float] = row.get("latency_ms") or row["last_run"]["latency_ms"]
    return found


def _is_row(row: object) -> bool:
    keys = {"net", "size"}
    return isinstance(row, dict) and keys <= set(row) and ("reason" in row or {"engine", "cam_fps"} <= set(row))
