"""Two results of `rtstyle bench fps`, row against row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.results_file import latency_of, rows_of
from benchmarks.tables import markdown_table, spoken_size

__all__ = ["compared", "comparison_table"]

_Key = tuple[str, ...]


def compared(first: Mapping[str, Any], second: Mapping[str, Any], names: tuple[str, str]) -> dict[str, Any]:
    """What differs between the machines and versions, and the ratios, second over first, of rows that are in both.

    Rows match by net, size, backend and precision. `clear` says that the runs of one lie all above those
    of the other; otherwise the ratio may be chance. Raises BadInputError for other results; `names` are for its text.
    """
    left, right = (
        {_key(row): row for row in _measured(result, name)} for result, name in zip((first, second), names, strict=True)
    )
    return {
        "files": list(names),
        "differs": _differences(first, second),
        "rows": [{**_facts(key), **_ratios(left[key], right[key])} for key in left if key in right],
        "only_in_first": [" ".join(key) for key in left if key not in right],
        "only_in_second": [" ".join(key) for key in right if key not in left],
    }


def comparison_table(comparison: Mapping[str, Any]) -> str:
    """For people: A is the first file, B the second, `~` a difference within what the runs differ by."""
    header = ("combination", "bare A", "bare B", "B/A", "cam A", "cam B", "B/A", "latency p50, B/A")
    rows = []
    for row in comparison["rows"]:
        cells = [" ".join(row[part] for part in ("net", "size", "backend", "precision"))]
        for what in ("bare", "cam"):
            one = row[what]
            cells += [f"{one['first']:.1f}", f"{one['second']:.1f}", f"{'' if one['clear'] else '~'}{one['ratio']:.2f}"]
        rows.append([*cells, f"{row['latency_ratio']:.2f}"])
    first, second = comparison["files"]
    lines = [f"A: {first}, B: {second}; frames/s"]
    lines += [markdown_table(header, rows)] if rows else ["no row is in both"]
    for where, name in (("only_in_first", first), ("only_in_second", second)):
        lines += [f"only in {name}: {row}" for row in comparison[where]]
    return "\n".join(lines)


def _measured(result: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return [row for row in rows_of(result, name) if "reason" not in row]


def _key(row: Mapping[str, Any]) -> _Key:
    engine = row["engine"]
    return str(row["net"]), spoken_size(row["size"]), str(engine["backend"]), str(engine["precision"])


def _facts(key: _Key) -> dict[str, str]:
    return dict(zip(("net", "size", "backend", "precision"), key, strict=True))


def _ratios(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    rates = {what: _against(first[f"{what}_fps"], second[f"{what}_fps"]) for what in ("bare", "cam")}
    return {**rates, "latency_ratio": round(latency_of(second)["p50"] / latency_of(first)["p50"], 3)}


def _against(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, Any]:
    return {
        "first": first["median"],
        "second": second["median"],
        "ratio": round(second["median"] / first["median"], 3),
        "clear": second["lowest"] > first["highest"] or second["highest"] < first["lowest"],
    }


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """One line for each fact of the machine that is not the same, the date left out."""
    left, right = _flat(first["machine"]), _flat(second["machine"])
    return [
        f"{name}: {left.get(name, 'not there')} / {right.get(name, 'not there')}"
        for name in dict.fromkeys((*left, *right))
        if left.get(name) != right.get(name)
    ]


def _flat(machine: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {name: value for name, value in machine.items() if name not in ("date", "packages")}
    packages: Mapping[str, Any] = machine.get("packages", {})
    return {**facts, **packages}
