"""rtstyle train: banks of styles, one more style, and the slow reference. Needs the extra `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from rtstyle.commands import train_gatys, train_sr, train_style
from rtstyle.commands import train_options as opt
from rtstyle.commands.options import JsonOption
from rtstyle.commands.train_progress import finish, tell

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["train_app"]

train_app = typer.Typer(
    name="train",
    help="Train banks of styles, fit one more style, or run the slow reference.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
CreditsOption = Annotated[
    Optional[Path],
    typer.Option("--credits", help="JSON: who made each painting. Default: credits.json beside the paintings."),
]


@train_app.command("bank")
def bank(
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; where it holds one, it is resumed.")],
    styles: Annotated[
        Optional[Path], typer.Option("--styles", help="Folder of paintings: each becomes a style.")
    ] = None,
    content: opt.ContentOption = None,
    net: Annotated[Optional[str], typer.Option("--net", help="fast (default), micro or johnson.")] = None,
    name: Annotated[Optional[str], typer.Option("--name", help="Name of the net file. Default: that of --net.")] = None,
    credits_file: CreditsOption = None,
    config: opt.ConfigOption = None,
    start: opt.StartOption = None,
    imitate: Annotated[
        Optional[Path],
        typer.Option("--imitate", help="checkpoint.pt of a bank to paint like: a quick start for a larger net."),
    ] = None,
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
    """Train all paintings of a folder into one net, and write the net file and a style file for each.

    The folder OUT gets checkpoints, sample sheets, a log and TensorBoard files on the way, `export/` at the end. A run
    that was stopped or killed goes on with: rtstyle train bank --out OUT. Several GPUs: torchrun --nproc-per-node 4 -m
    rtstyle train bank ...

    Example: rtstyle train bank --styles paintings --content photos --out runs/mine --steps 20000
    """
    options = dict(locals())
    opt.check_content(content)
    from train.config import BankConfig

    chosen = opt.config_from_options(BankConfig, options, file=config, folder=None if restart else out)
    opt.need_packages()
    from train.bank import bank_credits, bank_trainer, export_checkpoint
    from train.distributed import distributed_context
    from train.checkpoint import check_options, forget

    with distributed_context() as here:
        if restart and here.leads:
            forget(out)
        here.wait()
        check_options(out, chosen)
        run = bank_trainer(out, chosen, here)
        bank_credits(Path(chosen.styles), credits_file, run.names)  # a mistake in them shows before the hours go by
        finish(run)
        if not here.leads:
            return
        file, credits_of = export_checkpoint(out, out / "export", name=name, credits_path=credits_file)
    tell(
        run,
        {"net": str(out / "export" / f"{file.spec.name}.onnx"), "styles": [credit.name for credit in credits_of]},
        f"wrote net {file.spec.name} and {len(credits_of)} styles to {out / 'export'}\n"
        f"try it: rtstyle image PHOTO OUT --net {out / 'export' / file.spec.name}.onnx "
        f"--style {out / 'export' / file.spec.name / credits_of[0].name}.safetensors",
        as_json=as_json,
    )


@train_app.command("export")
def export(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run of `rtstyle train bank`.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for NAME.onnx and NAME/STYLE.safetensors.")],
    name: Annotated[Optional[str], typer.Option("--name", help="Name of the net file.")] = None,
    credits_file: CreditsOption = None,
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


train_app.command("style")(train_style.style)
train_app.command("gatys")(train_gatys.gatys)
train_app.command("sr")(train_sr.sr)
