"""rtstyle train sr: upscalers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from rtstyle.commands import train_options as opt
from rtstyle.commands.options import JsonOption
from rtstyle.commands.train_progress import finish, joined_training, tell
from train.config import SrConfig

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["sr"]


@opt.takes_options(SrConfig)
def sr(
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; where it holds one, it is resumed.")],
    asked: dict[str, Any],
    name: Annotated[
        Optional[str], typer.Option("--name", help="Name of the net file. Default: such as sr4-fidelity.")
    ] = None,
    config: opt.ConfigOption = None,
    restart: opt.RestartOption = False,
    threads: Annotated[
        Optional[int], typer.Option("--threads", min=1, help="CPU threads; 1 is fastest where other work runs.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train an upscaler, and write its net file.

    The folder OUT gets checkpoints, sample sheets, a log and TensorBoard files on the way, `export/` at the end. A run
    that was stopped or killed goes on with: rtstyle train sr --out OUT. Several GPUs: torchrun --nproc-per-node 4 -m
    rtstyle train sr ...

    Example: rtstyle train sr --pictures photos --scale 4 --out runs/sr4

    Example: rtstyle train sr --pictures photos --mode perceptual --degradation video --start runs/sr4/checkpoint.pt
    --out runs/sr4-perceptual
    """
    chosen = opt.config_from_options(SrConfig, asked, file=config, folder=None if restart else out)
    opt.need_packages()
    import torch

    from train.sr.task import export_sr, sr_trainer

    if threads:
        torch.set_num_threads(threads)
    with joined_training(out, chosen, restart=restart) as context:
        trainer = sr_trainer(out, chosen, context)
        finish(trainer)
        if not context.leads:
            return
        file = export_sr(out, out / "export", name=name)
    path = out / "export" / f"{file.spec.name}.onnx"
    tell(
        trainer,
        {"net": str(path), "psnr": trainer.figures.get("psnr")},
        f"wrote {path}\nmeasure it: rtstyle bench quality --sr {chosen.scale} --net {path}",
        as_json=as_json,
    )
