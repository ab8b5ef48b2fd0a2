"""Where a video job's time went, as stacked bars of letters: one bar for each thread, for they work side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["PARTS", "Part", "job_bars"]

_WIDTH = 64


@dataclass(frozen=True, kw_only=True)
class Part:
    """How a part of `VideoSummary.thread_seconds` is shown."""

    words: str
    letter: str
    colour: str
    """For pictures, as matplotlib names it."""


PARTS = {
    "decode": Part(words="decode", letter="D", colour="tab:blue"),
    "convert": Part(words="convert", letter="C", colour="tab:cyan"),
    "infer": Part(words="infer", letter="I", colour="tab:orange"),
    "encode": Part(words="encode and write", letter="E", colour="tab:green"),
    "streams": Part(words="sound and other streams", letter="S", colour="tab:olive"),
    "wait_in": Part(words="wait for frames", letter=".", colour="0.85"),
    "wait_out": Part(words="wait for room", letter="_", colour="0.7"),
}


def job_bars(job: Mapping[str, Any]) -> str:
    """`job` is what `job_of` in benchmarks.job gives. The whole width of a bar is the job's `seconds`."""
    lines = [_bar(stage, parts, job["seconds"]) for stage, parts in job["thread_seconds"].items()]
    width = max(len(part.words) for part in PARTS.values())
    for stage, parts in job["thread_seconds"].items():
        for part, seconds in parts.items():
            shown = PARTS[part]
            name = f"{stage:5}  {shown.letter} {shown.words:{width}}"
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
