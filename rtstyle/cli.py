"""The `rtstyle` command: what it is made of, and how it ends.

Exit codes: 0 done, 2 wrong use or bad input (one line on stderr), 130 interrupted after a clean finish.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import typer

from engines.errors import RtStyleError
from rtstyle import __version__
from rtstyle.commands import bench, bench_peers, bench_speed, cam, doctor, engines, image, styles, train, video
from rtstyle.commands.options import PanelCommand, error_text

__all__ = ["app", "main"]

_UsageError: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError")
"""Click's, which newer releases of typer bring along as a part of their own."""

_AS_WIDE_AS_THE_TERMINAL = 10_000
"""Columns of help at most: without it, 80."""

app = typer.Typer(
    name="rtstyle",
    help="Repaint every frame of a video, a camera or a picture in a painter's style, in real time.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _AS_WIDE_AS_THE_TERMINAL},
)
app.command("cam", cls=PanelCommand)(cam.cam)
app.command("doctor")(doctor.doctor)
app.command("image", cls=PanelCommand)(image.image)
app.command("video", cls=PanelCommand)(video.video)
bench.bench_app.command("fps")(bench_speed.fps)
bench.bench_app.command("peers")(bench_peers.peers)
bench.bench_app.command("video", cls=PanelCommand)(bench_speed.video)
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
        False, "--version", "-V", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    logging.basicConfig(level=logging.WARNING, format="rtstyle: %(message)s")


def _one_line(error: Any) -> str:
    """What was wrong with the command line, and where its help is."""
    path = (
        "rtstyle" + error.ctx.command_path.removeprefix(error.ctx.find_root().command_path) if error.ctx else "rtstyle"
    )
    text = " ".join(error.format_message().split()).rstrip(".")
    return f"{text}; see {path} --help"


def main() -> None:
    """Run the command. Wrong use and domain errors become one line and exit code 2, here and nowhere else."""
    try:
        sys.exit(app(standalone_mode=False))
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # a group without a command: its help says more than a line
        else:
            typer.echo(f"rtstyle: {_one_line(error)}", err=True)
        sys.exit(2)
    except RtStyleError as error:
        typer.echo(f"rtstyle: {error_text(error)}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # the reader of a pipe has gone, as with `| head`
        sys.stderr.close()
        sys.exit(1)
