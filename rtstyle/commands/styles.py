"""rtstyle styles: what there is to paint with, how it looks, and nets from elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from rtstyle.commands.options import BackendOption, JsonOption, NetOption, error_text, notify

if TYPE_CHECKING:
    from engines.import_onnx import Imported
    from engines.library import Library, Style
    from engines.net_file import NetFile

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["styles_app"]

styles_app = typer.Typer(
    name="styles",
    help="List styles and nets, see them on a photo, and import nets from elsewhere.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_LARGEST_CHECKPOINT = 512 * 2**20
"""Bytes."""
_CHECKPOINT_STARTS = (b"PK\x03\x04", b"\x80")
"""A zip archive, or a pickle: what torch.save writes, today and before PyTorch 1.6."""
_CHECKPOINT_ENDS = (".pth", ".pt", ".model")
_ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]


@styles_app.command("list")
def list_styles(net: NetOption = None, as_json: JsonOption = False) -> None:
    """List all styles with title, artist, year and net; --net shows those of one net.

    Example: rtstyle styles list
    """
    from engines.errors import RtStyleError
    from engines.library import Library

    library = Library()
    rows = []
    for name in [net] if net is not None else library.nets():
        try:
            rows += _rows_of_net(library, name)
        except RtStyleError as error:
            if net is not None:
                raise
            notify(f"net {name} is left out: {error_text(error)}")
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    columns = ("name", "title", "artist", "year", "net")
    table = [dict(zip(columns, columns, strict=True)), *_merged(rows)]
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
    facts = _facts_of(name, net)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    width = max(len(key) for key in facts)
    for key, value in facts.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            text = ", ".join(value)
        typer.echo(f"{key.replace('_', ' ').ljust(width)}  {text or '-'}")


@styles_app.command("sheet")
def sheet(
    photo: Annotated[Path, typer.Argument(help="The picture to paint.", metavar="PHOTO")],
    out: Annotated[Path, typer.Argument(help="The sheet, .png or .jpg.", metavar="OUT")],
    *,
    net: NetOption = None,
    columns: Annotated[Optional[int], typer.Option("--columns", min=1, help="Pictures side by side.")] = None,
    width: Annotated[int, typer.Option("--width", min=64, max=2048, help="Pixels across each picture.")] = 320,
    backend: BackendOption = "auto",
    force: _ForceOption = False,
) -> None:
    """Paint one photo in every style of a net, as a labelled grid.

    Example: rtstyle styles sheet photo.jpg styles.png
    """
    from engines.atomic import write_whole
    from engines.library import DEFAULT_NET, Library
    from rtstyle.sheet import Cell, cells_of_net, check_format, draw_sheet, encoded, photo_of_width

    check_format(out)
    _check_free(out, force)
    library = Library()
    file = library.net(net if net is not None else DEFAULT_NET)
    picture = photo_of_width(photo, width)
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
    force: _ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a net that every command can use of a checkpoint from elsewhere, checked against the original.

    Example: rtstyle styles import candy.pth
    """
    from engines.library import user_folder
    from engines.net_file import write_net

    called = _name_for(checkpoint, name)
    target = user_folder() / f"{called}.onnx"
    _check_free(target, force)
    imported = _imported_net(checkpoint, name=called, white=white)
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


def _rows_of_net(library: Library, name: str) -> list[dict[str, str]]:
    """One row for each style of a net, and one for a net that is itself a style."""
    net = library.net(name)
    if net.spec.kind != "style":
        return []
    if not net.spec.style_length:
        source = str(net.spec.training.get("imported_from", ""))
        title = f"imported from {source}" if source else ""
        return [{"name": net.spec.name, "title": title, "artist": "", "year": "", "net": net.spec.name}]
    styles = [library.style(style, net) for style in library.styles_of(net)]
    return [
        {"name": s.name, "title": s.title, "artist": s.artist, "year": s.year, "net": net.spec.name} for s in styles
    ]


def _merged(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """One row for a style that several nets have, with their names one after the other; the order stays."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        same = found.setdefault(tuple(value for key, value in row.items() if key != "net"), {**row, "net": ""})
        same["net"] += f"{', ' if same['net'] else ''}{row['net']}"
    return list(found.values())


def _facts_of(name: str, net: str | None) -> dict[str, Any]:
    """All facts of a style or, where no style is called so, of a net. Raises BadInputError."""
    from engines.errors import BadInputError
    from engines.library import Library, read_style
    from engines.names import nearest

    library = Library()
    if name.endswith(".onnx"):
        return _net_facts(library.net(name), library)
    if name.endswith(".safetensors"):
        return _style_facts(read_style(name), Path(name))
    nets = [library.net(net)] if net is not None else [library.net(known) for known in library.nets()]
    for file in nets:
        styles = library.styles_of(file)
        if name in styles:
            return _style_facts(library.style(name, file), styles[name])
    for file in nets:
        if name in (file.spec.name, net):
            return _net_facts(file, library)
    known = {file.spec.name for file in nets} | {style for file in nets for style in library.styles_of(file)}
    raise BadInputError(f"no style and no net is called {name!r}{nearest(name, known)}")


def _name_for(path: Path, name: str | None) -> str:
    """The name of an imported net: the given one, or one made of the file's name. Raises BadInputError."""
    from engines.errors import BadInputError
    from engines.library import shipped_folder

    called = name if name is not None else re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", called):
        raise BadInputError(
            f"a net's name is made of lower case letters, digits and hyphens, got {called!r}: choose one with --name"
        )
    if (shipped_folder() / f"{called}.onnx").exists():
        raise BadInputError(f"{called} is the name of a shipped net: choose another with --name")
    return called


def _imported_net(path: Path, *, name: str, white: str | None) -> Imported:
    """A net made of a checkpoint, by what the file holds and not by what it is called. Raises RtStyleError."""
    from engines.atomic import read_whole
    from engines.errors import BadInputError, MissingPackageError, NetFileError
    from engines.import_onnx import RANGES, net_from_onnx

    ranges = {str(number): number for number in RANGES}
    if white is not None and white not in ranges:
        raise BadInputError(f"--range is {' or '.join(ranges)}, got {white!r}")
    if not read_whole(path, largest=_LARGEST_CHECKPOINT).startswith(_CHECKPOINT_STARTS):
        try:
            return net_from_onnx(path, name=name, white=ranges[white] if white else None)
        except NetFileError as error:
            if path.suffix.lower() not in _CHECKPOINT_ENDS:
                raise
            raise BadInputError(
                f"{path}: expected a PyTorch checkpoint or an ONNX file, it is neither ({error.full_text}): "
                "fetch it once more"
            ) from error
    if white is not None:
        raise BadInputError(f"{path}: a PyTorch checkpoint, --range is for ONNX files")
    try:
        from train.import_checkpoint import net_from_checkpoint
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingPackageError("importing a PyTorch checkpoint", "torch", extra="train") from error
    return net_from_checkpoint(path, name=name)


def _style_facts(style: Style, path: Path) -> dict[str, Any]:
    return {
        "style": style.name,
        "title": style.title,
        "artist": style.artist,
        "year": style.year,
        "licence": style.licence,
        "source": style.source,
        "net": style.net,
        "net_digest": style.net_digest,
        "numbers": style.vector.size,
        "path": str(path),
    }


def _net_facts(net: NetFile, library: Library) -> dict[str, Any]:
    return {
        "net": net.spec.name,
        "kind": net.spec.kind,
        "scale": net.spec.scale,
        "size_multiple": net.spec.size_multiple,
        "style_length": net.spec.style_length,
        "margin": net.spec.margin,
        "licence": net.spec.licence,
        "training": dict(net.spec.training),
        "digest": net.digest,
        "bytes": len(net.model),
        "path": str(net.path),
        "styles": list(library.styles_of(net)) if net.spec.style_length else [],
    }
