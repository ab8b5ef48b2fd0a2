"""rtstyle engines: compile nets for NVIDIA GPUs, at hand or not, and look after what was compiled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from rtstyle.commands.options import JsonOption

if TYPE_CHECKING:
    from engines.nvidia.key import SizeRange
    from engines.nvidia.store import EngineStore, StoredEngine

__all__ = ["app"]

app = typer.Typer(
    name="engines",
    help="Compile nets for NVIDIA GPUs, for the one at hand or for others, and look after the compiled ones.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_SMALLEST, _LARGEST = "64x64", "1920x1088"
_Text = Optional[str]  # noqa: UP045 (typer reads it at run time)


@app.command()
def build(  # noqa: PLR0917 (typer calls it by name)
    net: Annotated[str, typer.Option("--net", help="Nets by name or file, with commas between; all: every net.")] = "",
    size: Annotated[_Text, typer.Option("--size", help="One fixed engine for each size: 1280x720,1920x1080.")] = None,
    smallest: Annotated[
        _Text, typer.Option("--min", help=f"Smallest size of one engine for all. [{_SMALLEST}]")
    ] = None,
    typical: Annotated[_Text, typer.Option("--opt", help="The size it is tuned for. [1280x720]")] = None,
    largest: Annotated[_Text, typer.Option("--max", help=f"Largest size. [{_LARGEST}]")] = None,
    target: Annotated[
        str, typer.Option("--target", help="this, or GPUs that need not be here: sm75,sm86,sm89,sm120, rtx-4090.")
    ] = "this",
    runtime: Annotated[
        str, typer.Option("--runtime", help="tensorrt, tensorrt-rtx, or auto: what is installed and can do it.")
    ] = "auto",
    precision: Annotated[str, typer.Option("--precision", help="f16 or f32.")] = "f16",
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", help="Folder for the engines, to take them to another machine. Default: the cache."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Build even what is there already.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compile nets. Without --size, one engine is made that takes every size from --min to --max.

    Examples: rtstyle engines build --size 1280x720,1920x1080

    rtstyle engines build --target rtx-4090 --out engines-for-4090
    """
    from realtime.user_options import parse_size
    from rtstyle.commands.engines import Order, build_all

    sizes = [parse_size(text) for text in size.split(",")] if size else []
    if sizes and (smallest or typical or largest):
        raise typer.BadParameter("--size makes fixed engines, --min, --opt and --max one for a range: choose one")
    order = Order(
        nets=tuple(part.strip() for part in net.split(",") if part.strip()),
        sizes=tuple(sizes),
        smallest=parse_size(smallest or _SMALLEST),
        typical=parse_size(typical) if typical else None,
        largest=parse_size(largest or _LARGEST),
        target=target,
        runtime=runtime,
        precision=precision,
        force=force,
    )
    made = build_all(order, _store(out), quiet=as_json)
    if as_json:
        _print_json({"engines": [stored.summary() for stored in made]})


@app.command("list")
def list_engines(as_json: JsonOption = False) -> None:
    """Show the engines that are kept, and whether this machine can use them.

    Example: rtstyle engines list
    """
    store = _store(None)
    entries = store.entries()
    if as_json:
        _print_json({"folder": str(store.folder), "engines": [stored.summary() for stored in entries]})
        return
    if not entries:
        typer.echo(f"no engines in {store.folder} yet: make one with rtstyle engines build")
    for stored in entries:
        recipe = stored.recipe
        typer.echo(
            f"{recipe.key[:8]}  {recipe.net} {_sizes(recipe.sizes)} {recipe.precision}  {recipe.runtime} "
            f"{recipe.version} for {recipe.device or ', '.join(recipe.targets)}  {stored.nbytes / 1e6:.1f} MB, "
            f"built in {stored.build_s:.1f} s{_problem(stored)}"
        )
    if entries:
        typer.echo(f"{sum(s.nbytes for s in entries) / 1e6:.1f} MB in {store.folder}")
    if others := _compiled_for_cpu():
        typer.echo(f"{len(others)} nets compiled for the CPU, {sum(p.stat().st_size for p in others) / 1e6:.1f} MB")


@app.command()
def inspect(
    engine: Annotated[str, typer.Argument(help="Key (or its beginning) from `rtstyle engines list`, or file name.")],
    layers: Annotated[bool, typer.Option("--layers", help="Every layer, from the runtime: needs the GPU.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what an engine is: net, sizes, types, GPU, how long it took, and whether its numbers were checked.

    Example: rtstyle engines inspect 3b86613d
    """
    from engines.nvidia.store import layer_lines

    stored = _store(None).by_name(engine)
    stored.read()
    lines = layer_lines(stored) if layers else []
    if as_json:
        _print_json({**stored.summary(), **({"layers": lines} if layers else {})})
        return
    recipe = stored.recipe
    checked = ", ".join(f"{gpu}: {db} dB against the CPU" for gpu, db in stored.checked.items())
    for label, value in (
        ("engine", stored.path),
        ("net", f"{recipe.net}, file {recipe.net_digest[:12]}"),
        ("sizes", _sizes(recipe.sizes)),
        ("types", f"{recipe.precision}, norms and picture conversion in f32" if recipe.precision == "f16" else "f32"),
        ("runtime", f"{recipe.runtime} {recipe.version}, platform {recipe.platform}"),
        ("GPU", recipe.device or ", ".join(recipe.targets)),
        ("size", f"{stored.nbytes / 1e6:.1f} MB, SHA-256 {stored.sha256[:12]}"),
        ("built", f"{stored.built} in {stored.build_s} s"),
        ("checked", checked or "not yet on a GPU: it will be at its first use"),
    ):
        typer.echo(f"{label + ':':10}{value}")
    for line in lines:
        typer.echo(line)


@app.command()
def clean(
    everything: Annotated[
        bool, typer.Option("--all", help="Everything: engines that can be used too, and nets compiled for the CPU.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove what cannot be used any more: engines of older versions and files, damaged ones, left-overs.

    What is remembered of the nets' speed goes too: it is measured anew when it is needed.

    Example: rtstyle engines clean
    """
    from engines.cache import cache_folder
    from engines.cache import times_path
    from engines.nvidia.store import problem_of

    store = _store(None)
    if everything:
        doomed = [*(path for path in sorted(store.folder.glob("*")) if path.is_file()), *_compiled_for_cpu()]
    else:
        useless = [stored for stored in store.entries() if problem_of(stored)]
        doomed = [*store.strays(), *(path for stored in useless for path in store.files_of(stored))]
    doomed += [path for path in [times_path(cache_folder())] if path.is_file()]
    freed = store.remove(doomed)
    if as_json:
        _print_json({"removed": [str(path) for path in doomed], "freed_bytes": freed})
    else:
        typer.echo(f"removed {len(doomed)} files, {freed / 1e6:.1f} MB")


def _store(folder: Path | None) -> EngineStore:
    from engines.cache import cache_folder
    from engines.nvidia.tensorrt_engine import STORE_FOLDER
    from engines.nvidia.store import EngineStore

    return EngineStore(folder or cache_folder() / STORE_FOLDER)


def _compiled_for_cpu() -> list[Path]:
    """What the other backends keep (engines.cache)."""
    from engines.cache import cache_folder

    return sorted(cache_folder().glob("*.compiled"))


def _sizes(sizes: SizeRange) -> str:
    return str(sizes).replace("..", " to ", 1).replace("..", " to ")


def _problem(stored: StoredEngine) -> str:
    from engines.nvidia.store import problem_of

    problem = problem_of(stored)
    return f"  cannot be used: {problem}" if problem else ""


def _print_json(summary: dict[str, Any]) -> None:
    import json

    typer.echo(json.dumps(summary, indent=2))
