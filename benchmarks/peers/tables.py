"""The figures of `rtstyle bench peers` for people: in a terminal and in the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tables import markdown_table, spoken_size

__all__ = ["peers_tables"]

_TITLES = {
    "stylize": "Painting, {size}:",
    "upscale": "Enlarging 4 times, from {size}:",
}


def peers_tables(figures: Mapping[str, Any]) -> str:
    """A table for each task that was measured; reasons and notes come after it."""
    parts = []
    for task, title in _TITLES.items():
        rows = [row for row in figures["rows"] if row["task"] == task]
        if rows:
            parts.append("\n".join([title.format(size=spoken_size(figures["sizes"][task])), "", *_table(rows)]))
    return "\n\n".join(parts)


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    measured = [row for row in rows if "reason" not in row]
    first = rows[0]["name"]
    header = ("program", "runs on", "one call, frames/s", f"{first} is", "a clip, frames/s", f"{first} is")
    table = [markdown_table(header, [_cells(row) for row in measured])] if measured else []
    notes: dict[str, list[str]] = {}
    for row in rows:
        said = f"cannot run here: {row['reason']}" if "reason" in row else row.get("note")
        if said:
            notes.setdefault(said, []).append(row["name"])
    told = [f"- {', '.join(names)}: {said}" for said, names in notes.items()]
    return [*table, *([""] if table and told else []), *told]


def _cells(row: Mapping[str, Any]) -> list[str]:
    """A program without a way of its own with clips has one rate, which stands for both."""
    version = next(iter(row["versions"].items()), None)
    runs_on = row["runs_on"] + (f", {' '.join(version)}" if version else "")
    stream = row.get("stream_fps", row["call_fps"])
    ratio: Mapping[str, Any] = row.get("ratio", {})
    return [row["name"], runs_on, _rate(row["call_fps"]), _times(ratio, "call"), _rate(stream), _times(ratio, "stream")]


def _rate(spread: Mapping[str, float]) -> str:
    return f"{_short(spread['median'])} ({_short(spread['lowest'])}-{_short(spread['highest'])})"


def _short(rate: float) -> str:
    return f"{rate:.1f}" if rate < 100 else f"{rate:.0f}"


def _times(ratio: Mapping[str, Any], way: str) -> str:
    """`4.2 times as fast`."""
    return f"{ratio[way]['median']:.2f} times as fast" if way in ratio else ""
