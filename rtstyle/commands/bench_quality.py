"""rtstyle bench quality: how near upscaled pictures are to the originals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from rtstyle.commands.options import BackendOption, JsonOption

if TYPE_CHECKING:
    from engines.net_file import NetFile

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["quality"]


def quality(
    *,
    sr: Annotated[int, typer.Option("--sr", help="2, 3 or 4: how much larger.")],
    data: Annotated[Path, typer.Option("--data", help="Folder with Set5, Set14, BSD100, Urban100: those that it has.")],
    net: Annotated[
        Optional[list[Path]], typer.Option("--net", help="Net files; default: all upscalers of that scale.")
    ] = None,
    histogram: Annotated[
        bool, typer.Option("--match-histogram", help="Each net once more with matched histograms, as in the paper.")
    ] = False,
    as_video: Annotated[
        bool, typer.Option("--as-video", help="Spoil the small pictures as cameras and codecs do.")
    ] = False,
    backend: BackendOption = "auto",
    precision: Annotated[
        str, typer.Option("--precision", help="f32 (default), bf16 or f16: what the nets compute in.")
    ] = "f32",
    save: Annotated[bool, typer.Option("--save", help="Write the figures to benchmarks/results as well.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure upscalers: PSNR and SSIM on luma with the border cropped, beside bicubic, Lanczos and published figures.

    LPIPS is measured where the package lpips is installed, a distance on VGG-19 where the extra `train` is.

    Example: rtstyle bench quality --sr 4 --data sets
    """
    from dataclasses import asdict

    from benchmarks import sr as bench
    from benchmarks.judges import judges
    from benchmarks.machine import machine_facts, write_result
    from engines.contract import EngineOptions

    nets = _nets(sr, net)
    sets = bench.find_sets(data)
    found, missing = judges()
    for line in missing:
        typer.echo(f"rtstyle: {line}", err=True)
    options = EngineOptions(precision=precision)
    methods = bench.resize_methods(sr) + [
        bench.net_method(file, backend=backend, options=options, histogram=matched)
        for file in nets
        for matched in ((False, True) if histogram else (False,))
    ]
    scores = []
    spoil = bench.as_video_leaves_it(sr) if as_video else None
    for score in bench.measure(methods, sets, sr, found, spoil=spoil):
        scores.append(score)
        typer.echo(f"{score.dataset} {score.method}: {score.psnr:.2f} dB", err=True)
    if not as_video:
        scores += bench.published(sr, list(sets))
    figures = {"scale": sr, "as_video": as_video, "precision": precision, "scores": [asdict(score) for score in scores]}
    if save:
        write_result(f"quality-sr{sr}{'-as-video' if as_video else ''}", figures)
    typer.echo(json.dumps({"machine": machine_facts(), **figures}) if as_json else bench.markdown(scores, found))


def _nets(scale: int, paths: list[Path] | None) -> list[NetFile]:
    from engines.errors import BadInputError
    from engines.library import Library
    from engines.upscalers import upscalers

    library = Library()
    if paths is None:
        return [library.net(name) for name, (factor, _) in upscalers(library).items() if factor == scale]
    nets = [library.net(str(path)) for path in paths]
    for net in nets:
        if net.spec.kind != "upscale" or net.spec.scale != scale:
            raise BadInputError(f"expected a net that enlarges {scale} times, {net.path} is not one: leave out --net")
    return nets
