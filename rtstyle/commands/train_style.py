"""rtstyle train style: one more style for a net that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from rtstyle.commands import train_options as opt
from rtstyle.commands.options import JsonOption
from rtstyle.commands.train_progress import finish, joined_training, tell
from train.config import StyleConfig

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["style"]

_USUAL_MINUTES = 8.0


@opt.takes_options(StyleConfig)
def style(
    *,
    painting: Annotated[Path, typer.Argument(metavar="PAINTING", help="A picture file.")],
    name: Annotated[
        Optional[str], typer.Option("--name", help="What to type after --style. Default: the file's.")
    ] = None,
    asked: dict[str, Any],
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
    as_json: JsonOption = False,
) -> None:
    """Fit one more style for a net that is there, in minutes: the net stays as it is, a style file comes out.

    The style is at once among the others: rtstyle cam --style NAME.

    Example: rtstyle train style my-painting.jpg --content photos
    """
    opt.check_content(asked)
    from engines.cache import cache_folder
    from engines.errors import BadInputError
    from engines.library import DEFAULT_NET, Library
    from train.credits import Credit, style_name

    library = Library()
    net = asked.get("net")
    file = library.net(net or DEFAULT_NET)
    called = style_name(name or painting.stem)
    if not force and called in library.styles_of(file):
        raise BadInputError(f"net {file.spec.name} has a style {called} already: take another --name, or --force")
    folder = out or cache_folder() / "train" / f"{file.spec.name}-{called}"
    path = library.folder_for_styles(file) / f"{called}.safetensors"
    asked["name"] = called
    chosen = opt.config_from_options(StyleConfig, asked, file=config, folder=None if restart else folder)
    opt.need_packages()
    from train.style import limit_minutes, style_trainer, write_fitted_style

    with joined_training(folder, chosen, restart=restart) as context:
        known = [library.style(other, file) for other in library.styles_of(file) if other != called]
        trainer = style_trainer(folder, chosen, context, file, known)
        if trainer.step == 0 and (minutes is not None or ("steps" not in asked and config is None)):
            limit_minutes(trainer, minutes if minutes is not None else _USUAL_MINUTES)
        finish(trainer)
        if not context.leads:
            return
        credit = Credit(name=called, title=title, artist=artist, year=year, licence=licence)
        write_fitted_style(trainer.task, file, credit, path)
    tell(
        trainer,
        {"style": called, "net": file.spec.name, "file": str(path)},
        f"wrote {path}\ntry it: rtstyle image PHOTO OUT {f'--net {net} ' if net else ''}--style {called}",
        as_json=as_json,
    )
