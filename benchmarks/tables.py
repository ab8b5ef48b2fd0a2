"""Figures for people: Markdown tables, aligned for a terminal or compact for a page, and bars of letters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.results import latency_of, size_text

__all__ = [
    "PARTS",
    "Part",
    "aligned_table",
    "compact_table",
    "comparison_table",
    "fps_table",
    "job_bars",
    "peers_tables",
    "steps_text",
]

_WIDTH = 64
_PEER_TITLES = {
    "stylize": "Painting, {size}:",
    "upscale": "Enlarging 4 times, from {size}:",
}


def aligned_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
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


def compact_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The same content in as few characters as possible, for a page that is rendered."""
    lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])


def steps_text(steps: float | None, marks: Sequence[int]) -> str:
    """How many steps of L-BFGS a net's picture is worth, where they were looked at after `marks` of them.

    steps: as `benchmarks.quality.equivalent_steps` finds them, None for more than all.
    """
    if steps is None:
        return f"more than {marks[-1]} steps"
    return f"{marks[0]} steps or fewer" if steps == marks[0] else f"{steps:.0f} steps"


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
    parts = [aligned_table(list(shown), list(zip(*shown.values(), strict=True)))] if measured else []
    return "\n".join(parts + _reasons(rows))


def _name(row: Mapping[str, Any]) -> str:
    engine = row["engine"]
    return f"{row['net']} {size_text(row['size'])}, {engine['backend']} {engine['precision']}"


def _reasons(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why some cannot run here: a line for all sizes of a net that have the same reason."""
    sizes: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if "reason" in row:
            asked = row["asked"]
            name = " ".join(part for part in (row["net"], asked["backend"], asked["precision"]) if part)
            sizes.setdefault((name, row["reason"]), []).append(size_text(row["size"]))
    return [f"{name}, {', '.join(found)}: cannot run here: {reason}" for (name, reason), found in sizes.items()]


def _spread(spread: Mapping[str, float]) -> str:
    return f"{spread['median']:.1f} ({spread['lowest']:.1f}-{spread['highest']:.1f})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _of_gpus(row: Mapping[str, Any], reading: str) -> str:
    """Of the GPU that the net ran on; of all where several have its name; nothing where it ran on none."""
    device = row["engine"]["device"]
    return " and ".join(_number(gpu.get(reading)) for gpu in row.get("gpus", []) if gpu["gpu"].endswith(device))


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
    lines += [aligned_table(header, rows)] if rows else ["no row is in both"]
    for where, name in (("only_in_first", first), ("only_in_second", second)):
        lines += [f"only in {name}: {row}" for row in comparison[where]]
    return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Part:
    """How a part of `VideoSummary.thread_seconds` is shown."""

    label: str
    letter: str
    colour: str
    """For pictures, as matplotlib names it."""


PARTS = {
    "decode": Part(label="decode", letter="D", colour="tab:blue"),
    "convert": Part(label="convert", letter="C", colour="tab:cyan"),
    "infer": Part(label="infer", letter="I", colour="tab:orange"),
    "encode": Part(label="encode and write", letter="E", colour="tab:green"),
    "streams": Part(label="sound and other streams", letter="S", colour="tab:olive"),
    "wait_in": Part(label="wait for frames", letter=".", colour="0.85"),
    "wait_out": Part(label="wait for room", letter="_", colour="0.7"),
}


def job_bars(job: Mapping[str, Any]) -> str:
    """Where a video job's time went: one bar for each thread, as they work side by side, and each part in figures.

    job: as `benchmarks.fps.video_against_engine` returns it. The whole width of a bar is the job's `seconds`.
    """
    lines = [_bar(stage, parts, job["seconds"]) for stage, parts in job["thread_seconds"].items()]
    width = max(len(part.label) for part in PARTS.values())
    for stage, parts in job["thread_seconds"].items():
        for part, seconds in parts.items():
            shown = PARTS[part]
            name = f"{stage:5}  {shown.letter} {shown.label:{width}}"
            per_frame_ms, share = 1e3 * seconds / job["frames"], seconds / job["seconds"]
            lines.append(f"{name}  {seconds:7.2f} s  {per_frame_ms:7.2f} ms a frame  {share:4.0%}")
    lines.append(
        f"{job['frames']} frames in {job['seconds']:.2f} s, {job['fps']:.1f} frames/s; before and after that "
        f"{job['outside_s']:.2f} s (start, opening the files, making the engine)"
    )
    return "\n".join(lines)


def _bar(stage: str, parts: Mapping[str, float], whole_s: float) -> str:
    """Each part ends where its share ends, so that roundings do not add up."""
    text, until_s = "", 0.0
    for part, seconds in parts.items():
        until_s += seconds
        end = min(_WIDTH, round(_WIDTH * until_s / whole_s))
        text += PARTS[part].letter * (end - len(text))
    return f"{stage:5}  |{text:{_WIDTH}}|"


def peers_tables(figures: Mapping[str, Any]) -> str:
    """A table for each task that was measured; reasons and notes come after it."""
    parts = []
    for task, title in _PEER_TITLES.items():
        rows = [row for row in figures["rows"] if row["task"] == task]
        if rows:
            parts.append("\n".join([title.format(size=size_text(figures["sizes"][task])), "", *_peer_table(rows)]))
    return "\n\n".join(parts)


def _peer_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    measured = [row for row in rows if "reason" not in row]
    first = rows[0]["name"]
    header = ("program", "runs on", "one call, frames/s", f"{first} is", "a clip, frames/s", f"{first} is")
    table = [aligned_table(header, [_peer_cells(row) for row in measured])] if measured else []
    notes: dict[str, list[str]] = {}
    for row in rows:
        note = f"cannot run here: {row['reason']}" if "reason" in row else row.get("note")
        if note:
            notes.setdefault(note, []).append(row["name"])
    lines = [f"- {', '.join(names)}: {note}" for note, names in notes.items()]
    return [*table, *([""] if table and lines else []), *lines]


def _peer_cells(row: Mapping[str, Any]) -> list[str]:
    """A program without a way of its own with clips has one rate, which stands for both."""
    version = next(iter(row["versions"].items()), None)
    runs_on = row["runs_on"] + (f", {' '.join(version)}" if version else "")
    stream = row.get("stream_fps", row["call_fps"])
    ratio: Mapping[str, Any] = row.get("ratio", {})
    return [
        row["name"],
        runs_on,
        _peer_rate(row["call_fps"]),
        _times(ratio, "call"),
        _peer_rate(stream),
        _times(ratio, "stream"),
    ]


def _peer_rate(spread: Mapping[str, float]) -> str:
    return f"{_short(spread['median'])} ({_short(spread['lowest'])}-{_short(spread['highest'])})"


def _short(rate: float) -> str:
    return f"{rate:.1f}" if rate < 100 else f"{rate:.0f}"


def _times(ratio: Mapping[str, Any], way: str) -> str:
    """`4.2 times as fast`."""
    return f"{ratio[way]['median']:.2f} times as fast" if way in ratio else ""
