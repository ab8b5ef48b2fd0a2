"""rtstyle bench quality, for nets that paint: their objective beside Gatys et al.'s optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from benchmarks.quality import BaselineConfig

__all__ = ["measure_styles"]

_TIMED_STEPS = 3


def measure_styles(
    nets: list[str],
    *,
    only: list[str] | None,
    styles: Path,
    content: Path,
    credits_path: Path | None,
    photos: int,
    sizes: list[int],
    config: BaselineConfig,
    backend: str,
    precisions: Sequence[str | None],
    kept: Path | None,
) -> dict[str, object]:
    """The figures: quality by style, times by size. Raises BadInputError."""
    from benchmarks.quality import LbfgsBaseline
    from benchmarks.nets import styled_nets
    from benchmarks.quality import paintings_by_style, quality_of, square_photos, times_of
    from engines.cache import cache_folder
    from engines.errors import BadInputError

    measured = [one for net in nets for one in styled_nets(net, only, precisions)]
    known = {name for one in measured for name in one.styles}
    paintings = {name: path for name, path in paintings_by_style(styles, credits_path).items() if name in known}
    if not paintings:
        raise BadInputError(f"expected paintings of the styles {', '.join(sorted(known))} in {styles}, found none")
    pictures = square_photos(content, photos, config.size)
    if config.marks:
        kept = kept or cache_folder() / "bench" / f"gatys-{config.loss_network}-{config.precision}-{config.size}.json"
    else:
        kept = None
    yardstick = LbfgsBaseline(config, paintings, kept)
    quality = quality_of(measured, yardstick, pictures, lambda line: typer.echo(line, err=True), backend=backend)
    times = {}
    if sizes:
        photo = next(iter(pictures.values()))
        for one in measured:
            times[one.label] = times_of(one, yardstick, photo, sizes, backend=backend, steps=_TIMED_STEPS)
    return {
        "size": config.size,
        "photos": photos,
        "loss_network": config.loss_network,
        "styles": quality,
        "times": times,
    }
