"""rtstyle train bank, and export: many styles in one net. Needs the extra `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from rtstyle.commands import train_options as opt
from rtstyle.commands.options import JsonOption
from rtstyle.commands.train_progress import finish, joined_training, tell
from train.config import BankConfig

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["bank", "export"]

_CreditsOption = Annotated[
    Optional[Path],
    typer.Option("--credits", help="JSON: who made each painting. Default: credits.json beside the paintings."),
]


@opt.takes_options(BankConfig)
def bank(
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; where it holds one, it is resumed.")],
    asked: dict[str, Any],
    name: Annotated[Optional[str], typer.Option("--name", help="Name of the net file. Default: that of --net.")] = None,
    credits_file: _CreditsOption = None,
    config: opt.ConfigOption = None,
    restart: opt.RestartOption = False,
    imitate: Annotated[Optional[Path], typer.Option("--imitate", hidden=True)] = None,  # what --distill was called
    as_json: JsonOption = False,
) -> None:
    """Train all paintings of a folder into one net, and write the net file and a style file for each.

    The folder OUT gets checkpoints, sample sheets, a log and TensorBoard files on the way, `export/` at the end. A run
    that was stopped or killed goes on with: rtstyle train bank --out OUT. Several GPUs: torchrun --nproc-per-node 4 -m
    rtstyle train bank ...

    Example: rtstyle train bank --styles paintings --content photos --out runs/mine --steps 20000
    """
    if imitate:
        asked.setdefault("distill", imitate)
    opt.check_content(asked)
    chosen = opt.config_from_options(BankConfig, asked, file=config, folder=None if restart else out)
    opt.need_packages()
    from train.bank import bank_credits, bank_trainer, export_checkpoint

    with joined_training(out, chosen, restart=restart) as context:
        trainer = bank_trainer(out, chosen, context)
        bank_credits(Path(chosen.styles), credits_file, trainer.task.names)  # a mistake shows before the hours go by
        finish(trainer)
        if not context.leads:
            return
        file, credits_of = export_checkpoint(out, out / "export", name=name, credits_path=credits_file)
    tell(
        trainer,
        {"net": str(out / "export" / f"{file.spec.name}.onnx"), "styles": [credit.name for credit in credits_of]},
        f"wrote net {file.spec.name} and {len(credits_of)} styles to {out / 'export'}\n"
        f"try it: rtstyle image PHOTO OUT --net {out / 'export' / file.spec.name}.onnx "
        f"--style {out / 'export' / file.spec.name / credits_of[0].name}.safetensors",
        as_json=as_json,
    )


def export(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run of `rtstyle train bank`.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for NAME.onnx and NAME/STYLE.safetensors.")],
    name: Annotated[Optional[str], typer.Option("--name", help="Name of the net file.")] = None,
    credits_file: _CreditsOption = None,
    auto: Annotated[
        bool, typer.Option("--auto/--no-auto", help="Whether `--net auto` may take the net, or only its name.")
    ] = True,
) -> None:
    """Write the files of a bank as far as its run is, after the check that they paint as PyTorch does.

    Example: rtstyle train export runs/mine nets
    """
    opt.need_packages()
    from train.bank import export_checkpoint

    file, credits_of = export_checkpoint(run_folder, out, name=name, credits_path=credits_file, auto=auto)
    steps = file.spec.training.get("steps")
    typer.echo(f"wrote net {file.spec.name} ({steps} steps) and {len(credits_of)} styles to {out}")
