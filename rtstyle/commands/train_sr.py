"""rtstyle train sr: upscalers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from rtstyle.commands import train_options as opt
from rtstyle.commands.options import JsonOption

if TYPE_CHECKING:
    from train.config import SrConfig
    from train.trainer import Progress
    from train.sr.task import sr_trainer

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["sr"]

_LINE_EVERY_S = 10.0


def sr(
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; where it holds one, it is resumed.")],
    pictures: Annotated[
        Optional[Path], typer.Option("--pictures", help="Folder of sharp pictures: hundreds; all are kept in memory.")
    ] = None,
    checks: Annotated[
        Optional[Path],
        typer.Option("--checks", help="A benchmark set with HR_xN and LR_xN: its PSNR is logged on the way."),
    ] = None,
    scale: Annotated[Optional[int], typer.Option("--scale", help="2, 3 or 4 (default); johnson: 4 or 8.")] = None,
    mode: Annotated[
        Optional[str], typer.Option("--mode", help="fidelity (default): by pixels; perceptual: by features as well.")
    ] = None,
    degradation: Annotated[
        Optional[str],
        typer.Option("--degradation", help="bicubic (default); video: blur, noise, codecs too; paper: blur before."),
    ] = None,
    net: Annotated[
        Optional[str], typer.Option("--net", help="compact (default) or johnson, the paper's, for its tables.")
    ] = None,
    name: Annotated[
        Optional[str], typer.Option("--name", help="Name of the net file. Default: such as sr4-fidelity.")
    ] = None,
    start: opt.StartOption = None,
    width: Annotated[Optional[int], typer.Option("--width", help="Channels of compact. Default: 32.")] = None,
    depth: Annotated[Optional[int], typer.Option("--depth", help="Inner convolutions. Default: 6.")] = None,
    config: opt.ConfigOption = None,
    restart: opt.RestartOption = False,
    steps: opt.StepsOption = None,
    batch: Annotated[Optional[int], typer.Option("--batch", help="Patches a step. Default: 16.")] = None,
    patch: Annotated[
        Optional[int], typer.Option("--patch", help="Side of a patch before upscaling. Default: 36.")
    ] = None,
    learning_rate: opt.LearningRateOption = None,
    loss_network: opt.LossNetworkOption = None,
    pixel_weight: Annotated[Optional[float], typer.Option("--pixel-weight", help="In perceptual. Default: 1.")] = None,
    feature_weight: Annotated[
        Optional[float], typer.Option("--feature-weight", help="In perceptual. Default: 0.4.")
    ] = None,
    adversarial_weight: Annotated[
        Optional[float],
        typer.Option("--adversarial-weight", help="GAN fine-tuning of perceptual, with --start. Default: 0, off."),
    ] = None,
    seed: opt.SeedOption = None,
    precision: Annotated[
        Optional[str], typer.Option("--precision", help="Of the loss network: bf16 (default) or f32.")
    ] = None,
    threads: Annotated[
        Optional[int], typer.Option("--threads", min=1, help="CPU threads; 1 is fastest where other work runs.")
    ] = None,
    log_every: opt.LogEveryOption = None,
    save_every: Annotated[
        Optional[int], typer.Option("--save-every", help="Steps between checkpoints, checks and sample sheets.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train an upscaler, and write its net file.

    The folder OUT gets checkpoints, sample sheets, a log and TensorBoard files on the way, `export/` at the end. A run
    that was stopped or killed goes on with: rtstyle train sr --out OUT.

    Example: rtstyle train sr --pictures photos --scale 4 --out runs/sr4

    Example: rtstyle train sr --pictures photos --mode perceptual --degradation video --start runs/sr4/checkpoint.pt
    --out runs/sr4-perceptual
    """
    options = dict(locals())
    opt.need_packages()
    import torch

    from train.checkpoint import forget
    from train.sr.task import export_sr
    from train.sr.task import sr_trainer
    from train.checkpoint import check_options

    if threads:
        torch.set_num_threads(threads)
    if restart:
        forget(out)
    chosen = _config(options, file=config, folder=out)
    check_options(out, chosen)
    run = sr_trainer(out, chosen)
    if run.resume():
        typer.echo(f"rtstyle: resumes {out} at step {run.step} of {chosen.steps}", err=True)
    _finish(run)
    file = export_sr(out, out / "export", name=name)
    path = out / "export" / f"{file.spec.name}.onnx"
    if as_json:
        typer.echo(json.dumps({"net": str(path), "run": str(out), "steps": run.step, "psnr": run.psnr}))
        return
    typer.echo(f"wrote {path}\nmeasure it: rtstyle bench quality --sr {chosen.scale} --net {path}")


def _config(options: Mapping[str, object], *, file: Path | None, folder: Path) -> SrConfig:
    """Options that are None come from `file` or, without one, from the run in `folder`, or have their default."""
    from dataclasses import asdict, fields

    from engines.errors import BadInputError
    from train.config import SrConfig

    if file is None and (folder / "config.json").exists():
        file = folder / "config.json"
    values = {} if file is None else asdict(SrConfig.load(file))
    known = {field.name for field in fields(SrConfig)}
    for name, value in options.items():
        if name in known and value is not None:
            values[name] = str(value.resolve()) if isinstance(value, Path) else value
    if "pictures" not in values:
        raise BadInputError("expected --pictures FOLDER with sharp pictures (some hundreds) to learn from")
    return SrConfig(**values)


def _finish(run: sr_trainer) -> None:
    """Take a run to its last step, with lines on stderr. Ctrl-C writes a checkpoint and exits with 130."""
    from rtstyle.commands.train_progress import interruptible

    next_s = 0.0

    def report(progress: Progress) -> None:
        nonlocal next_s
        if time.monotonic() < next_s and progress.step != progress.steps:
            return
        next_s = time.monotonic() + _LINE_EVERY_S
        losses = "  ".join(f"{name} {value:.4f}" for name, value in progress.losses.items() if value)
        checked = "" if progress.psnr is None else f"  {progress.psnr:.2f} dB"
        minutes = progress.seconds_left / 60
        typer.echo(f"step {progress.step}/{progress.steps}  {losses}{checked}  {minutes:.0f} min left", err=True)

    with interruptible() as stopped:
        finished = run.go(report, stopped)
    if not finished:
        typer.echo(f"rtstyle: stopped at step {run.step}; the same command goes on from there", err=True)
        raise typer.Exit(130)
