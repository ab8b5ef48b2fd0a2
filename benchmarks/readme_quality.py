"""The README's tables of quality, from results/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.results_file import read_result

__all__ = ["upscaling"]

_PUBLISHED = ("SRCNN", "FSRCNN")
_JUDGE = "VGG-19"


def upscaling(results: Path) -> str:
    """PSNR and the distance of features for x2, x3 and x4: quality-sr2.json and so on, quality-sr4-as-video.json."""
    lines = [
        f"| | bicubic | {' | '.join(_PUBLISHED)} | `fidelity` | `perceptual` | distance: bicubic | `fidelity` "
        "| `perceptual` |",
        "|---|" + "---|" * (len(_PUBLISHED) + 6),
    ]
    for scale in (2, 3, 4):
        lines += _rows(read_result(results / f"quality-sr{scale}.json"), scale)
    lines += _rows(read_result(results / "quality-sr4-as-video.json"), 4, ", spoilt as video is")
    return "\n".join(lines)


def _rows(result: dict[str, Any], scale: int, how: str = "") -> Iterator[str]:
    scores = result["scores"]
    ours = ["bicubic", f"sr{scale}-fidelity", f"sr{scale}-perceptual"]
    for dataset in dict.fromkeys(score["dataset"] for score in scores):
        by_method = {score["method"]: score for score in scores if score["dataset"] == dataset}
        cells = [_decibels(by_method.get(name)) for name in (ours[0], *_PUBLISHED, *ours[1:])]
        cells += [f"{by_method[name]['distances'][_JUDGE]:.3f}" for name in ours]
        yield f"| x{scale} {dataset}{how} | {' | '.join(cells)} |"


def _decibels(score: dict[str, Any] | None) -> str:
    return "" if score is None else f"{score['psnr']:.2f}"
