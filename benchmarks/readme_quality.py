"""The README's tables of quality, from results/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.results_file import read_result

__all__ = ["upscaling"]

_PUBLISHED = ("SRCNN", "FSRCNN")
_JUDGE = "VGG-19"


def upscaling(results: Path) -> str:
    """PSNR and the distance of features for x2, x3 and x4: quality-sr2.json, quality-sr3.json, quality-sr4.json."""
    lines = [
        f"| | bicubic | {' | '.join(_PUBLISHED)} | `fidelity` | `perceptual` | distance: bicubic | `fidelity` "
        "| `perceptual` |",
        "|---|" + "---|" * (len(_PUBLISHED) + 6),
    ]
    for scale in (2, 3, 4):
        scores = read_result(results / f"quality-sr{scale}.json")["scores"]
        for dataset in dict.fromkeys(score["dataset"] for score in scores):
            by_method = {score["method"]: score for score in scores if score["dataset"] == dataset}
            ours = ["bicubic", f"sr{scale}-fidelity", f"sr{scale}-perceptual"]
            cells = [_decibels(by_method.get(name)) for name in (ours[0], *_PUBLISHED, *ours[1:])]
            cells += [f"{by_method[name]['distances'][_JUDGE]:.3f}" for name in ours]
            lines.append(f"| x{scale} {dataset} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _decibels(score: dict[str, Any] | None) -> str:
    return "" if score is None else f"{score['psnr']:.2f}"
