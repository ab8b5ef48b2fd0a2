"""rtstyle train gatys: the optimisation that the nets are measured against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtstyle.commands import train_options as opt

if TYPE_CHECKING:
    from train.losses import LossTerms

__all__ = ["gatys"]


def gatys(
    *,
    paths: Annotated[
        list[Path], typer.Argument(metavar="[PHOTO] PAINTING OUT", help="Picture files; OUT is written as PNG or JPEG.")
    ],
    texture: Annotated[bool, typer.Option("--texture", help="No photo: synthesise a texture of the painting.")] = False,
    steps: Annotated[int, typer.Option("--steps", min=1, help="L-BFGS steps.")] = 500,
    size: Annotated[int, typer.Option("--size", min=32, help="Long side of the result in pixels.")] = 512,
    painting_size: Annotated[int, typer.Option("--painting-size", min=32, help="As in `train bank`.")] = 384,
    loss_network: Annotated[str, typer.Option("--loss-network", help="vgg19 or vgg16.")] = "vgg19",
    content_weight: Annotated[float, typer.Option("--content-weight", min=0)] = 1.0,
    style_weight: Annotated[float, typer.Option("--style-weight", min=0)] = 5.0,
    variation_weight: Annotated[float, typer.Option("--variation-weight", min=0)] = 2.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the noise that it starts from.")] = 0,
    precision: opt.PrecisionOption = None,
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
    opt.need_packages()
    from train.config import LossWeights
    from train.config import GatysConfig
    from train.gatys import paint_by_optimising

    config = GatysConfig(
        steps=steps,
        size=size,
        painting_size=painting_size,
        loss_network=loss_network,
        weights=LossWeights(content=content_weight, style=style_weight, variation=variation_weight),
        seed=seed,
        precision=precision or GatysConfig.precision,
    )

    def report(step: int, terms: LossTerms) -> None:
        typer.echo(
            f"step {step}/{steps}  content {terms.content.item():,.0f}  style {terms.style.item():,.0f}  "
            f"variation {terms.variation.item():,.0f}",
            err=True,
        )

    paint_by_optimising(None if texture else paths[0], paths[-2], paths[-1], config, report)
    typer.echo(f"wrote {paths[-1]}")
