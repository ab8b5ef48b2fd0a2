"""rtstyle engines: compile nets for NVIDIA GPUs, at hand or not, and look after what was compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from rtstyle.commands.options import JsonOption, notify

if TYPE_CHECKING:
    from engines.net_file import NetFile
    from engines.nvidia.build import Report
    from engines.nvidia.driver import Gpu
    from engines.nvidia.key import EngineKey, SizeRange
    from engines.nvidia.runtimes import RuntimeFacts
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
    from engines.library import DEFAULT_NET, Library
    from engines.nvidia.key import THIS, SizeRange, make_key, parse_targets
    from engines.nvidia.runtimes import installed_version
    from realtime.user_options import parse_size

    sizes = [parse_size(text) for text in size.split(",")] if size else []
    if sizes and (smallest or typical or largest):
        raise typer.BadParameter("--size makes fixed engines, --min, --opt and --max one for a range: choose one")
    low, high = parse_size(smallest or _SMALLEST), parse_size(largest or _LARGEST)
    tuned = parse_size(typical) if typical else (_within(low[0], 1280, high[0]), _within(low[1], 720, high[1]))
    library, names = Library(), [part.strip() for part in net.split(",") if part.strip()] or [DEFAULT_NET]
    nets = [library.net(name) for name in (library.nets() if names == ["all"] else names)]
    targets = parse_targets(target)
    gpu = _gpu_at_hand() if targets == (THIS,) else None
    if gpu is not None:
        targets = (gpu.target,)
    facts = _choose_runtime(runtime, targets, gpu)
    version = installed_version(facts.name)

    def key_for(file: NetFile, fixed: tuple[int, int] | None) -> EngineKey:
        multiple = file.spec.size_multiple
        if fixed is None:
            wanted = SizeRange.around(tuned, multiple, smallest=low, largest=high)
        else:
            wanted = SizeRange.around(fixed, multiple)
        return make_key(file, wanted, precision=precision, runtime=facts, version=version, targets=targets, gpu=gpu)

    keys = [(file, key_for(file, fixed)) for file in nets for fixed in (sizes or (None,))]
    store = _store(out)
    made = [_build_one(file, key, store, gpu, force=force, quiet=as_json) for file, key in keys]
    if as_json:
        _print_json({"engines": [stored.summary() for stored in made]})


def _within(low: int, wanted: int, high: int) -> int:
    return max(low, min(wanted, high))


def _gpu_at_hand() -> Gpu:
    from engines.errors import BackendError
    from engines.nvidia.driver import find_gpu

    try:
        return find_gpu()
    except BackendError as error:
        raise BackendError(
            f"{error.full_text}; to build for a GPU that is not here, name it", hint="`target` rtx-4090"
        ) from error


def _choose_runtime(name: str, targets: tuple[str, ...], gpu: Gpu | None) -> RuntimeFacts:
    """The runtime that was named, or the first that is installed and can build for the targets."""
    from engines.errors import BackendError, MissingPackageError
    from engines.nvidia.runtimes import RUNTIMES, installed_version, runtime_facts

    if name != "auto":
        facts = runtime_facts(name)
        if gpu is None and not facts.ahead_of_time:
            raise BackendError(
                f"{facts.title} builds on the GPU that is to run the engine: use --target this there, or "
                "--runtime tensorrt-rtx"
            )
        return facts
    able = [
        facts
        for facts in RUNTIMES.values()
        if (gpu is not None or facts.ahead_of_time)
        and (facts.targets is None or gpu is None or set(targets) <= set(facts.targets))
    ]
    for facts in able:
        try:
            installed_version(facts.name)
        except MissingPackageError:
            continue
        return facts
    installed_version(able[-1].name)  # raises, with the line that installs it
    return able[-1]


def _build_one(
    net: NetFile, key: EngineKey, store: EngineStore, gpu: Gpu | None, *, force: bool, quiet: bool
) -> StoredEngine:
    """Build an engine unless it is there already; says on stderr what is done, unless `quiet`."""
    from engines.errors import BackendError
    from engines.nvidia.tensorrt_engine import make_engine

    what = f"net {key.net}, {key.sizes}, {key.precision}, {key.runtime} for {', '.join(key.targets)}"
    there = next((stored for stored in store.entries() if stored.key == key), None)
    if there is not None and not force:
        try:
            there.read()
        except BackendError as error:
            notify(f"{error.full_text}: it is built anew")
        else:
            if not quiet:
                typer.echo(f"{what}: there already, {there.key.digest[:8]}", err=True)
            return there
    with _progress(what, quiet) as report:
        stored, _ = make_engine(net, key, store, gpu, report)
    if not quiet:
        typer.echo(f"{what}: {stored.nbytes / 1e6:.1f} MB in {stored.build_s:.1f} s, {stored.path}", err=True)
    return stored


@contextmanager
def _progress(what: str, quiet: bool) -> Iterator[Report]:
    """A bar on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda fraction, phase: progress.update(task, completed=fraction, description=f"{what}: {phase}")


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
        key = stored.key
        typer.echo(
            f"{key.digest[:8]}  {key.net} {_sizes(key.sizes)} {key.precision}  {key.runtime} "
            f"{key.version} for {key.device or ', '.join(key.targets)}  {stored.nbytes / 1e6:.1f} MB, "
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
    key = stored.key
    checked = ", ".join(f"{gpu}: {db} dB against the CPU" for gpu, db in stored.checked.items())
    for label, value in (
        ("engine", stored.path),
        ("net", f"{key.net}, file {key.net_digest[:12]}"),
        ("sizes", _sizes(key.sizes)),
        ("types", f"{key.precision}, norms and picture conversion in f32" if key.precision == "f16" else "f32"),
        ("runtime", f"{key.runtime} {key.version}, platform {key.platform}"),
        ("GPU", key.device or ", ".join(key.targets)),
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
    from engines.cache import cache_folder, times_path
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
    from engines.nvidia.store import EngineStore
    from engines.nvidia.tensorrt_engine import STORE_FOLDER

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
