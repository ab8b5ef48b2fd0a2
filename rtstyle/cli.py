"""The `rtstyle` command: what it is made of, and how it ends.

Exit codes: 0 done, 2 wrong use or bad input (one line on stderr), 130 interrupted after a clean finish.
"""

from __future__ import annotations

import logging
import sys

import typer

from engines.errors import RtStyleError
from rtstyle import __version__
from rtstyle.commands import bench, bench_speed, cam, doctor, engines, image, styles, train, video

__all__ = ["app", "main"]

app = typer.Typer(
    name="rtstyle",
    help="Repaint every frame of a video, a camera or a picture in a painter's style, in real time.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("cam")(cam.cam)
app.command("doctor")(doctor.doctor)
app.command("image")(image.image)
app.command("video")(video.video)
bench.bench_app.command("fps")(bench_speed.fps)
bench.bench_app.command("video")(bench_speed.video)
bench.bench_app.command("memory")(bench_speed.memory)
app.add_typer(bench.bench_app)
app.add_typer(engines.app)
app.add_typer(styles.styles_app)
app.add_typer(train.train_app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rtstyle {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(  # noqa: ARG001 (its callback does the work)
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    logging.basicConfig(level=logging.WARNING, format="rtstyle: %(message)s")


def main() -> None:
    """Run the command. Domain errors become one line and exit code 2, here and nowhere else."""
    try:
        app()
    except RtStyleError as error:
        typer.echo(f"rtstyle: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # the reader of a pipe has gone, as with `| head`
        sys.stderr.close()
        sys.exit(1)
