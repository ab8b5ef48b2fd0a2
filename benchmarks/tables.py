"""Tables for people, in Markdown that is aligned for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.results_file import latency_of

__all__ = ["fps_table", "markdown_table", "spoken_size", "spoken_steps"]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column is text, the others are numbers, set to the right where they are shorter."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def aligned(line: Sequence[str]) -> str:
        cells = [
            text.rjust(width) if place else text.ljust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([aligned(header), rule, *(aligned(row) for row in rows)])


def fps_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figures of `rtstyle bench fps`; what could be read in no row has no column, and reasons come after it."""
    measured = [row for row in rows if "reason" not in row]
    columns = {
        "combination": [_name(row) for row in measured],
        "bare, frames/s": [_spread(row["bare_fps"]) for row in measured],
        "cam, frames/s": [_spread(row["cam_fps"]) for row in measured],
        "cam/bare": [f"{row['ratio']:.2f}" for row in measured],
        "latency p50/p95/p99, ms": ["/".join(f"{ms:.0f}" for ms in latency_of(row).values()) for row in measured],
        "in flight": [str(row["in_flight"]) for row in measured],
        "peak, MB": [_number(row.get("peak_mb")) for row in measured],
        "CPU, W": [_number(row.get("cpu_w")) for row in measured],
        "GPU, W": [_of_gpus(row, "power_w") for row in measured],
        "GPU, MHz": [_of_gpus(row, "clock_mhz") for row in measured],
    }
    shown = {head: cells for head, cells in columns.items() if any(cells)}
    parts = [markdown_table(list(shown), list(zip(*shown.values(), strict=True)))] if measured else []
    return "\n".join(parts + _reasons(rows))


def spoken_size(size: Sequence[int]) -> str:
    """`640x480`."""
    return f"{size[0]}x{size[1]}"


def _name(row: Mapping[str, Any]) -> str:
    engine = row["engine"]
    return f"{row['net']} {spoken_size(row['size'])}, {engine['backend']} {engine['precision']}"


def _reasons(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why some cannot run here: a line for all sizes of a net that have the same reason."""
    sizes: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if "reason" in row:
            asked = row["asked"]
            name = " ".join(part for part in (row["net"], asked["backend"], asked["precision"]) if part)
            sizes.setdefault((name, row["reason"]), []).append(spoken_size(row["size"]))
    return [f"{name}, {', '.join(found)}: cannot run here: {reason}" for (name, reason), found in sizes.items()]


def _spread(spread: Mapping[str, float]) -> str:
    return f"{spread['median']:.1f} ({spread['lowest']:.1f}-{spread['highest']:.1f})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _of_gpus(row: Mapping[str, Any], reading: str) -> str:
    """Of the GPU that the net ran on; of all where several have its name; nothing where it ran on none."""
    device = row["engine"]["device"]
    return " and ".join(_number(gpu.get(reading)) for gpu in row.get("gpus", []) if gpu["gpu"].endswith(device))


def spoken_steps(steps: float | None, marks: Sequence[int]) -> str:
    """How many steps of L-BFGS a net's picture is worth, where they were looked at after `marks` of them.

    steps: as `benchmarks.gatys.steps_for` finds them, None for more than all.
    """
    if steps is None:
        return f"more than {marks[-1]} steps"
    return f"{marks[0]} steps or fewer" if steps == marks[0] else f"{steps:.0f} steps"
