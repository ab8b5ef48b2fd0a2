"""rtstyle styles: what there is to paint with, how it looks, and nets from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from rtstyle.commands.options import BackendOption, JsonOption, NetOption, error_text

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["styles_app"]

styles_app = typer.Typer(
    name="styles",
    help="List styles and nets, see them on a photo, and import nets from elsewhere.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]


@styles_app.command("list")
def list_styles(net: NetOption = None, as_json: JsonOption = False) -> None:
    """List all styles with title, artist, year and net; --net shows those of one net.

    Example: rtstyle styles list
    """
    from engines.errors import RtStyleError
    from engines.library import Library
    from rtstyle.commands.styles import merged, rows_of_net

    library = Library()
    rows = []
    for name in [net] if net is not None else library.nets():
        try:
            rows += rows_of_net(library, name)
        except RtStyleError as error:
            if net is not None:
                raise
            typer.echo(f"rtstyle: net {name} is left out: {spoken(error)}", err=True)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    columns = ("name", "title", "artist", "year", "net")
    table = [dict(zip(columns, columns, strict=True)), *merged(rows)]
    widths = {column: max(len(row[column]) for row in table) for column in columns}
    for row in table:
        typer.echo("  ".join(row[column].ljust(widths[column]) for column in columns).rstrip())


@styles_app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A style, a net, or the file of one.", metavar="NAME")],
    net: NetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show all that is known of a style or a net.

    Example: rtstyle styles show udnie
    """
    from rtstyle.commands.styles import facts_of

    facts = facts_of(name, net)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    width = max(len(key) for key in facts)
    for key, value in facts.items():
        error_text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            error_text = ", ".join(value)
        typer.echo(f"{key.replace('_', ' ').ljust(width)}  {spoken or '-'}")


@styles_app.command("sheet")
def sheet(
    photo: Annotated[Path, typer.Argument(help="The picture to paint.", metavar="PHOTO")],
    out: Annotated[Path, typer.Argument(help="The sheet, .png or .jpg.", metavar="OUT")],
    *,
    net: NetOption = None,
    columns: Annotated[Optional[int], typer.Option("--columns", min=1, help="Pictures side by side.")] = None,
    width: Annotated[int, typer.Option("--width", min=64, max=2048, help="Pixels across each picture.")] = 320,
    backend: BackendOption = "auto",
    force: ForceOption = False,
) -> None:
    """Paint one photo in every style of a net, as a labelled grid.

    Example: rtstyle styles sheet photo.jpg styles.png
    """
    from engines.atomic import write_whole
    from engines.library import DEFAULT_NET, Library
    from rtstyle.sheet import Cell, cells_of_net, check_format, draw_sheet, encoded, read_photo

    check_format(out)
    _check_free(out, force)
    library = Library()
    file = library.net(net if net is not None else DEFAULT_NET)
    picture = read_photo(photo, width)
    cells = [Cell(picture=picture, name="original", credit=photo.name)]
    cells += cells_of_net(file, picture, library, backend=backend)
    drawn = draw_sheet(cells, columns)
    write_whole(out, encoded(drawn, out))
    count = f"{len(cells) - 1} style{'' if len(cells) == 2 else 's'}"
    typer.echo(f"{out}: {count} of net {file.spec.name}, {drawn.shape[1]}x{drawn.shape[0]}", err=True)


@styles_app.command("import")
def import_net(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="A TransformerNet of pytorch/examples fast_neural_style (.pth, .model; needs the extra `train`), "
            "or an ONNX file with one style (float NCHW).",
            metavar="CHECKPOINT",
        ),
    ],
    name: Annotated[Optional[str], typer.Option("--name", help="What to call it. Default: the file's name.")] = None,
    white: Annotated[
        Optional[str],
        typer.Option("--range", help="What white is in the ONNX file's own numbers: 255 or 1. Default: found out."),
    ] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a net that every command can use of a checkpoint from elsewhere, checked against the original.

    Example: rtstyle styles import candy.pth
    """
    from engines.library import user_folder
    from engines.net_file import write_net
    from rtstyle.commands.styles import imported_net, name_for

    called = name_for(checkpoint, name)
    target = user_folder() / f"{called}.onnx"
    _check_free(target, force)
    imported = imported_net(checkpoint, name=called, white=white)
    write_net(target, imported.net)
    if as_json:
        facts = {"net": called, "path": str(target), "digest": imported.net.digest, "difference": imported.difference}
        typer.echo(json.dumps(facts | {"white_in": imported.white_in, "white_out": imported.white_out}, indent=2))
        return
    typer.echo(f"net {called}: {target}")
    typer.echo(f"takes pictures in 0..{imported.white_in}, gives them in 0..{imported.white_out}", nl=False)
    typer.echo(f"; differs from the original by at most {imported.difference} of 255 in a picture painted by both")
    typer.echo(f"try: rtstyle image PHOTO OUT --net {called}")


def _check_free(path: Path, force: bool) -> None:
    from engines.errors import OutputError

    if path.exists() and not force:
        raise OutputError(f"{path}: exists already", hint="use `overwrite` to overwrite it")
