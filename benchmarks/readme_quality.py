"""The README's tables of quality, from results/."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.results_file import read_result
from benchmarks.tables import spoken_steps

__all__ = ["stability", "steps", "styles", "upscaling"]

_PUBLISHED = ("SRCNN", "FSRCNN")
_JUDGE = "LPIPS"
_USERS, _REFERENCE = "int8", "f32"
"""Precisions: what the CPUs of most users compute in, and what it is measured against."""


def upscaling(results: Path) -> str:
    """PSNR and LPIPS for x2, x3 and x4: quality-sr2.json and so on, quality-sr4-as-video.json."""
    lines = [
        f"| | bicubic | {' | '.join(_PUBLISHED)} | `fidelity` | `perceptual` | LPIPS: bicubic | `fidelity` "
        "| `perceptual` |",
        "|---|" + "---|" * (len(_PUBLISHED) + 6),
    ]
    clean = {scale: read_result(results / f"quality-sr{scale}.json") for scale in (2, 3, 4)}
    for scale, result in clean.items():
        lines += _rows(result, scale)
    lines += _rows(read_result(results / "quality-sr4-as-video.json"), 4, ", spoilt as video is")
    lost = max(loss for result in clean.values() for loss in _lost_decibels(result))
    return "\n".join([*lines, "", f"Ours in {_USERS}, at most {lost:.2f} dB below what they have in {_REFERENCE}."])


def styles(results: Path) -> str:
    """The objective of each style beside L-BFGS on the same photos: quality-styles.json."""
    result = read_result(results / "quality-styles.json")
    rows = result["styles"]
    nets = [label for label in next(iter(rows.values()))["objective"] if label.endswith(f" {_USERS}")]
    steps = [step for step in next(iter(rows.values()))["lbfgs"] if step != "0"]
    heads = ["style", "the photo itself", *(f"`{label.split()[0]}`" for label in nets)]
    heads += [*(f"L-BFGS, {step} steps" for step in steps), f"{heads[2]} is as good as"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, row in rows.items():
        values = [row["objective"][label] for label in ("photo", *nets)] + [row["lbfgs"][step] for step in steps]
        told = spoken_steps(row["lbfgs_steps_alike"][nets[0]], [int(step) for step in steps])
        cells = [name, *(f"{value / 1000:.0f}" for value in values), told]
        lines.append(f"| {' | '.join(cells)} |")
    worst = max(
        row["objective"][label] / row["objective"][label.replace(_USERS, _REFERENCE)] - 1
        for row in rows.values()
        for label in nets
    )
    photos = "one photo" if result["photos"] == 1 else f"{result['photos']} photos"
    size = result["size"]
    lines += ["", f"In thousands, the mean of {photos} of {size}x{size} that training never saw. The nets in {_USERS}:"]
    lines.append(f"at most {100 * worst:.1f} % above {_REFERENCE}.")
    if times := result["times"].get(nets[0]):
        ratios = ", ".join(f"{_rounded(one['ratio']):,.0f}" for one in times.values())
        sides = ", ".join(times)
        lines += ["", f"500 steps of L-BFGS take {ratios} times as long as {heads[2]} at {sides} pixels a side."]
    return "\n".join(lines)


def steps(results: Path) -> str:
    """The objective of nets, styles together, such as one after more and more steps of training: quality-nets.json."""
    result = read_result(results / "quality-nets.json")
    rows = list(result["styles"].values())
    lines = [f"| net | objective, mean of {result['photos']} photos and {len(rows)} styles | style's part of it |"]
    lines.append("|---|---|---|")
    for label in rows[0]["objective"]:
        if label != "photo":
            means = (statistics.fmean(row[what][label] for row in rows) / 1000 for what in ("objective", "style"))
            lines.append(f"| `{label}` | {' | '.join(f'{mean:.0f}' for mean in means)} |")
    return "\n".join(lines)


def stability(results: Path) -> str:
    """Warping errors of nets, styles together, over the frames' own: stability.json."""
    result = read_result(results / "stability.json")
    own = result["mean"]["input"]
    by_net: dict[str, list[float]] = {}
    for column, error in result["mean"].items():
        if column != "input":
            by_net.setdefault(column.rpartition(" ")[0], []).append(error)
    lines = ["| net | warping error | times that of the frames themselves | from style to style |", "|---|---|---|---|"]
    for net, errors in by_net.items():
        mean = math.sqrt(statistics.fmean(error**2 for error in errors))
        least, most = min(errors) / own, max(errors) / own
        lines.append(f"| `{net}` | {mean:.4f} | {mean / own:.1f} | {least:.1f} to {most:.1f} |")
    return "\n".join(lines)


def _lost_decibels(result: dict[str, Any]) -> Iterator[float]:
    decibels = {(score["method"], score["dataset"]): score["psnr"] for score in result["scores"]}
    for (method, dataset), value in decibels.items():
        if method.endswith(f" {_USERS}"):
            yield decibels[method.replace(_USERS, _REFERENCE), dataset] - value


def _rows(result: dict[str, Any], scale: int, how: str = "") -> Iterator[str]:
    scores = result["scores"]
    ours = ["bicubic", *(f"sr{scale}-{mode} {_USERS}" for mode in ("fidelity", "perceptual"))]
    for dataset in dict.fromkeys(score["dataset"] for score in scores):
        by_method = {score["method"]: score for score in scores if score["dataset"] == dataset}
        cells = [_decibels(by_method.get(name)) for name in (ours[0], *_PUBLISHED, *ours[1:])]
        cells += [f"{by_method[name]['distances'][_JUDGE]:.3f}" for name in ours]
        yield f"| x{scale} {dataset}{how} | {' | '.join(cells)} |"


def _decibels(score: Mapping[str, Any] | None) -> str:
    return "" if score is None else f"{score['psnr']:.2f}"


def _rounded(value: float) -> float:
    """To two digits."""
    return float(f"{value:.2g}")
