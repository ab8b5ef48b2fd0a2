"""rtstyle train style: one more style for a net that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from rtstyle.commands import train_options as opt
from rtstyle.commands.options import JsonOption
from rtstyle.commands.train_progress import finish, tell

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["style"]

_USUAL_MINUTES = 8.0


def style(
    *,
    painting: Annotated[Path, typer.Argument(metavar="PAINTING", help="A picture file.")],
    name: Annotated[
        Optional[str], typer.Option("--name", help="What to type after --style. Default: the file's.")
    ] = None,
    content: opt.ContentOption = None,
    net: Annotated[Optional[str], typer.Option("--net", help="Net that the style is for. Default: fast.")] = None,
    minutes: Annotated[
        Optional[float],
        typer.Option("--minutes", help="Take no more steps than fit in so many. Default: 8, without --steps."),
    ] = None,
    out: Annotated[
        Optional[Path], typer.Option("--out", help="Folder of the run. Default: one in the cache folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a style of that name.")] = False,
    title: Annotated[str, typer.Option("--title", help="Of the painting, for the style file.")] = "",
    artist: Annotated[str, typer.Option("--artist")] = "",
    year: Annotated[str, typer.Option("--year")] = "",
    licence: Annotated[str, typer.Option("--licence")] = "",
    config: opt.ConfigOption = None,
    restart: opt.RestartOption = False,
    loss_network: opt.LossNetworkOption = None,
    steps: opt.StepsOption = None,
    batch: opt.BatchOption = None,
    size: opt.SizeOption = None,
    painting_size: opt.PaintingSizeOption = None,
    learning_rate: opt.LearningRateOption = None,
    content_weight: opt.ContentWeightOption = None,
    style_weight: opt.StyleWeightOption = None,
    variation_weight: opt.VariationWeightOption = None,
    stability_weight: opt.StabilityWeightOption = None,
    held_out: opt.HeldOutOption = None,
    seed: opt.SeedOption = None,
    precision: opt.PrecisionOption = None,
    log_every: opt.LogEveryOption = None,
    sample_every: opt.SampleEveryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit one more style for a net that is there, in minutes: the net stays as it is, a style file comes out.

    The style is at once among the others: rtstyle cam --style NAME.

    Example: rtstyle train style my-painting.jpg --content photos
    """
    options = dict(locals())
    opt.check_content(content)
    from engines.cache import cache_folder
    from engines.errors import BadInputError
    from engines.library import DEFAULT_NET, Library
    from train.config import StyleConfig
    from train.credits import Credit, style_name

    library = Library()
    file = library.net(net or DEFAULT_NET)
    options["name"] = called = style_name(name or painting.stem)
    if not force and called in library.styles_of(file):
        raise BadInputError(f"net {file.spec.name} has a style {called} already: take another --name, or --force")
    folder = out or cache_folder() / "train" / f"{file.spec.name}-{called}"
    path = library.folder_for_styles(file) / f"{called}.safetensors"
    chosen = opt.config_from_options(StyleConfig, options, file=config, folder=None if restart else folder)
    opt.need_packages()
    from train.distributed import distributed_context
    from train.checkpoint import check_options, forget
    from train.style import limit_minutes, style_trainer, write_fitted_style

    with distributed_context() as here:
        if restart and here.leads:
            forget(folder)
        here.wait()
        check_options(folder, chosen)
        known = [library.style(other, file) for other in library.styles_of(file) if other != called]
        run = style_trainer(folder, chosen, here, file, known)
        if run.step == 0 and (minutes is not None or (steps is None and config is None)):
            limit_minutes(run, minutes if minutes is not None else _USUAL_MINUTES)
        finish(run)
        if not here.leads:
            return
        credit = Credit(name=called, title=title, artist=artist, year=year, licence=licence)
        write_fitted_style(run, file, credit, path)
    tell(
        run,
        {"style": called, "net": file.spec.name, "file": str(path)},
        f"wrote {path}\ntry it: rtstyle image PHOTO OUT {f'--net {net} ' if net else ''}--style {called}",
        as_json=as_json,
    )
