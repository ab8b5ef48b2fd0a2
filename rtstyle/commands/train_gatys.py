"""rtstyle train gatys: the optimisation that the nets are measured against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtstyle.commands import train_options as opt
from train.config import GatysConfig

if TYPE_CHECKING:
    from train.losses import LossTerms

__all__ = ["gatys"]


@opt.takes_options(GatysConfig)
def gatys(
    *,
    paths: Annotated[
        list[Path], typer.Argument(metavar="[PHOTO] PAINTING OUT", help="Picture files; OUT is written as PNG or JPEG.")
    ],
    texture: Annotated[bool, typer.Option("--texture", help="No photo: synthesise a texture of the painting.")] = False,
    asked: dict[str, Any],
    force: Annotated[bool, typer.Option("--force", help="Replace OUT where it exists.")] = False,
) -> None:
    """Optimise one picture (Gatys et al. 2016): slow, and the yardstick for the nets, on the same losses.

    Example: rtstyle train gatys photo.jpg painting.jpg out.png --steps 500

    Example: rtstyle train gatys --texture painting.jpg out.png
    """
    from engines.errors import BadInputError

    wanted = 2 if texture else 3
    if len(paths) != wanted:
        raise BadInputError(f"expected {'PAINTING OUT' if texture else 'PHOTO PAINTING OUT'}, got {len(paths)} paths")
    if paths[-1].exists() and not force:
        raise BadInputError(f"{paths[-1]} exists: take another name, or --force")
    config = GatysConfig(**asked)
    opt.need_packages()
    from train.gatys import paint_by_optimising

    def report(step: int, terms: LossTerms) -> None:
        typer.echo(
            f"step {step}/{config.steps}  content {terms.content.item():,.0f}  style {terms.style.item():,.0f}  "
            f"variation {terms.variation.item():,.0f}",
            err=True,
        )

    paint_by_optimising(None if texture else paths[0], paths[-2], paths[-1], config, report)
    typer.echo(f"wrote {paths[-1]}")
