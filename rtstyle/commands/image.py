"""rtstyle image: paint pictures, enlarge them, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from realtime.user_options import StyleOptions
from rtstyle.commands.options import BackendOption, JsonOption, error_text, takes_style_options

if TYPE_CHECKING:
    from engines.errors import RtStyleError
    from realtime.pictures.batch import BatchOptions, BatchSummary, Painted
    from realtime.pictures.paint import PicturePipeline
    from realtime.pictures.write import PictureTask

__all__ = ["image"]

_INTERRUPTED = 130
_FAILED = 2


@takes_style_options
def image(
    *,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="IN... OUT",
            help="Pictures or folders, and where they go: a file for one, a folder for many; - is stdin or stdout.",
        ),
    ],
    styling: StyleOptions,
    size: Annotated[
        Optional[str],  # noqa: UP045 (typer reads it at run time)
        typer.Option("--size", help="Scale pictures first to fit into WIDTHxHEIGHT, or a square of one number."),
    ] = None,
    quality: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--quality", help="1 to 100 for JPEG (default 92) and WebP (default 90)."),
    ] = None,
    file_format: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--format", help="jpeg, png or webp. Default: as OUT or the picture is named; png for stdout."),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Take the folders within folders too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    tile: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            "--tile",
            help="Paint larger pictures in tiles of at most this many pixels a side, which bounds the memory; "
            "0: never. Default: 1024 for pictures above 16 million pixels.",
        ),
    ] = None,
    backend: BackendOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Paint pictures, enlarge them, or both: one, many, or a folder.

    Orientation, transparency and EXIF data are kept; colours become sRGB. Where several nets have the style, `fast`
    paints, and --net names another.

    Example: rtstyle image holiday.jpg painted.jpg --style starry-night
    """
    from realtime.pictures.batch import BatchOptions
    from realtime.pictures.paint import PicturePipeline
    from realtime.pictures.batch import parse_box
    from realtime.pictures.write import plan_pictures
    from realtime.pictures.write import check_quality, parse_format
    from realtime.pipeline import resolve

    *inputs, out = paths
    chosen = None if file_format is None else parse_format(file_format)
    check_quality(quality)
    _check_ends(inputs, out, as_json=as_json)
    options = BatchOptions(box=None if size is None else parse_box(size), quality=quality, overwrite=force)
    tasks = plan_pictures(inputs, out, recursive=recursive, file_format=chosen)
    found = resolve(styling)
    with _steps() as progress:
        painter = PicturePipeline(found, backend=backend, tile=tile, notice=_say, progress=progress)
        _run(tasks, painter, options, as_json=as_json)


def _check_ends(inputs: list[str], out: str, *, as_json: bool) -> None:
    import sys

    from engines.errors import BadInputError

    if not inputs:
        raise BadInputError(f"expected IN... OUT, got only {out}: name where the picture goes, too")
    if "-" in inputs and sys.stdin.isatty():
        raise BadInputError("a picture is not read from a terminal: send a file or a program's output to stdin")
    if out == "-" and as_json:
        raise BadInputError("stdout cannot take a picture and --json both: write the picture to a file")
    if out == "-" and sys.stdout.isatty():
        raise BadInputError("a picture is not written to a terminal: send stdout to a file or a program")


def _run(tasks: list[PictureTask], painter: PicturePipeline, options: BatchOptions, *, as_json: bool) -> None:
    """Paint, report, and end with the right exit code."""
    import time

    from realtime.pictures.batch import paint_batch

    def done(painted: Painted) -> None:
        if not as_json and painted.target != "stdout":
            width, height = painted.size
            typer.echo(f"{painted.target}: {width}x{height} in {painted.seconds:.1f} s")

    began = time.monotonic()
    alone = len(tasks) == 1
    try:
        with painter:
            summary = paint_batch(
                tasks, painter, options, notice=_say, failed=_ignore if alone else _say_error, done=done
            )
            facts = _facts(summary, painter)
    except KeyboardInterrupt:
        _say("interrupted: what was painted so far is complete")
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        import json

        typer.echo(json.dumps(facts | {"seconds": round(time.monotonic() - began, 3)}, indent=2))
    if summary.failed and alone:
        raise summary.failed[0].error
    if not alone and not as_json:
        counted = f", {len(summary.failed)} failed" if summary.failed else ""
        typer.echo(f"{len(summary.painted)} pictures in {time.monotonic() - began:.1f} s{counted}")
    if summary.failed:
        raise typer.Exit(_FAILED)


def _facts(summary: BatchSummary, painter: PicturePipeline) -> dict[str, Any]:
    import dataclasses

    from realtime.pipeline import joined

    specs = painter.specs
    return {
        "files": len(summary.painted) + len(summary.failed),
        "painted": len(summary.painted),
        "failed": len(summary.failed),
        "net": " then ".join(spec.net.name for spec in specs) or None,
        "backend": joined(specs, "backend") or None,
        "precision": joined(specs, "precision") or None,
        "pictures": [dataclasses.asdict(painted) for painted in summary.painted],
        "failures": [{"source": failure.source, "error": error_text(failure.error)} for failure in summary.failed],
    }


def _say(text: str) -> None:
    typer.echo(f"rtstyle: {text}", err=True)


def _say_error(error: RtStyleError) -> None:
    _say(error_text(error))


def _ignore(error: RtStyleError) -> None:
    """A single picture's failure is said when the command ends."""


@contextmanager
def _steps() -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on stderr for a large picture's tiles, where stderr is a terminal."""
    import sys

    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("tiles", visible=False)

        def progress(steps: int, expected: int) -> None:
            bar.update(task, completed=steps, total=expected, visible=steps < expected)

        yield progress
