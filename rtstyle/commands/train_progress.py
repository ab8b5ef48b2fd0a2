"""How `rtstyle train` shows where it is: a bar on a terminal, plain lines elsewhere. All of it on stderr."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from train.config import RunConfig
    from train.distributed import DistributedContext
    from train.trainer import Progress, Trainer

__all__ = ["finish", "joined_training", "tell"]

_LINE_EVERY_S = 10.0
_UNITS = {"psnr": " dB"}
"""Of what tasks measure on the way."""


@contextlib.contextmanager
def joined_training(folder: Path, config: RunConfig, *, restart: bool) -> Iterator[DistributedContext]:
    """Join the processes that train. `restart` clears `folder`; what it holds otherwise has to fit `config`."""
    from train.checkpoint import check_options, forget
    from train.distributed import distributed_context

    with distributed_context() as context:
        if restart and context.leads:
            forget(folder)
        context.wait()
        check_options(folder, config)
        yield context


def finish(trainer: Trainer[Any]) -> None:
    """Take a run to its last step, with progress on stderr. Ctrl-C writes a checkpoint and exits with 130."""
    if trainer.context.leads and trainer.step:
        typer.echo(f"rtstyle: resumes {trainer.folder} at step {trainer.step} of {trainer.config.steps}", err=True)
    with contextlib.ExitStack() as stack:
        # Processes that stopped at different steps would wait for each other: torchrun ends them, the checkpoint stays.
        stopped = stack.enter_context(_interruptible()) if trainer.context.size == 1 else lambda: False
        report = stack.enter_context(_progress_shown())
        finished = trainer.run(report, stopped)
    if not finished:
        typer.echo(f"rtstyle: stopped at step {trainer.step}; the same command goes on from there", err=True)
        raise typer.Exit(130)


def tell(trainer: Trainer[Any], facts: dict[str, object], text: str, *, as_json: bool) -> None:
    """What came of a run, on stdout: for people, or as one JSON object."""
    pictures, broken = len(trainer.task.pictures), len(trainer.task.broken)
    if as_json:
        facts |= {"run": str(trainer.folder), "steps": trainer.step, "photos": pictures, "broken": broken}
        typer.echo(json.dumps(facts))
        return
    if broken:
        text += f"\n{broken} of {pictures} photos could not be read and were skipped"
    typer.echo(text)


@contextlib.contextmanager
def _progress_shown() -> Iterator[Callable[[Progress], None]]:
    """Gives the function to report to."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        yield lambda progress: bar.update(
            task, completed=progress.step, total=progress.steps, description=_described(progress)
        )


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether Ctrl-C or SIGTERM came; a second one ends the program as ever."""
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Lines:
    """A line now and then, and one at the end."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def __call__(self, progress: Progress) -> None:
        now_s = time.monotonic()
        if now_s >= self._next_s or progress.step == progress.steps:
            self._next_s = now_s + _LINE_EVERY_S
            typer.echo(f"step {progress.step}/{progress.steps}  {_described(progress)}", err=True)


def _described(progress: Progress) -> str:
    terms = "  ".join(f"{name} {_rounded(value)}" for name, value in progress.losses.items() if value)
    figures = "".join(f"  {name} {value:.2f}{_UNITS.get(name, '')}" for name, value in progress.figures.items())
    skipped = f"  {progress.broken} broken photos skipped" if progress.broken else ""
    return f"{terms}{figures}  {_duration_text(progress.seconds_left)} left{skipped}"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4f}"


def _duration_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
