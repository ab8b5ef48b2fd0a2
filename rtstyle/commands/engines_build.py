"""What `rtstyle engines build` does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from engines.errors import BackendError, BadInputError, MissingPackageError
from engines.library import DEFAULT_NET, Library
from engines.net_file import NetFile
from engines.nvidia.driver import Gpu, find_gpu
from engines.nvidia.tensorrt_engine import make_engine
from engines.nvidia.build import Report
from engines.nvidia.key import EngineKey, SizeRange, make_key
from engines.nvidia.runtimes import RUNTIMES, RuntimeFacts, installed_version, runtime_facts
from engines.nvidia.store import EngineStore, StoredEngine
from engines.nvidia.key import THIS, parse_targets

__all__ = ["Order", "build_all", "parse_size"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be built."""

    nets: tuple[str, ...] = ()
    """Names or files; none: the default net; `all`: every net."""
    sizes: tuple[tuple[int, int], ...] = ()
    """(width, height), one fixed engine for each; none: one engine for the range."""
    smallest: tuple[int, int] = (64, 64)
    largest: tuple[int, int] = (1920, 1088)
    typical: tuple[int, int] | None = None
    """(width, height) that an engine for a range is tuned for; None: 1280x720, or what is nearest in the range."""
    target: str = THIS
    runtime: str = "auto"
    precision: str = "f16"
    force: bool = False


def build_all(order: Order, store: EngineStore, *, quiet: bool = False) -> list[StoredEngine]:
    """Build what is not there yet; says on stderr what is done, unless `quiet`. Raises RtStyleError."""
    library = Library()
    names = list(library.nets()) if order.nets == ("all",) else order.nets or (DEFAULT_NET,)
    nets = [library.net(name) for name in names]
    targets = parse_targets(order.target)
    gpu = _gpu_at_hand() if targets == (THIS,) else None
    if gpu is not None:
        targets = (gpu.target,)
    facts = _choose_runtime(order.runtime, targets, gpu)
    recipes = [
        (
            net,
            make_key(
                net, sizes, precision=order.precision, runtime=facts, version=version, targets=targets, gpu=gpu
            ),
        )
        for version in [installed_version(facts.name)]
        for net in nets
        for sizes in _ranges(order, net)
    ]
    return [_build_one(net, recipe, store, gpu, force=order.force, quiet=quiet) for net, recipe in recipes]


def _gpu_at_hand() -> Gpu:
    try:
        return find_gpu()
    except BackendError as error:
        raise BackendError(
            f"{error}; to build for a GPU that is not here, name it", hint="`target` rtx-4090"
        ) from error


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) of `1280x720`. Raises BadInputError."""
    match = re.fullmatch(r"\s*(\d{1,5})x(\d{1,5})\s*", text)
    if not match:
        raise BadInputError(f"expected a size such as 1280x720, got {text!r}")
    return int(match[1]), int(match[2])


def _ranges(order: Order, net: NetFile) -> list[SizeRange]:
    multiple = net.spec.size_multiple
    if order.sizes:
        return [SizeRange.around(size, multiple) for size in order.sizes]
    low, high = order.smallest, order.largest
    typical = order.typical or (_within(low[0], 1280, high[0]), _within(low[1], 720, high[1]))
    return [SizeRange.around(typical, multiple, smallest=low, largest=high)]


def _within(low: int, wanted: int, high: int) -> int:
    return max(low, min(wanted, high))


def _choose_runtime(name: str, targets: tuple[str, ...], gpu: Gpu | None) -> RuntimeFacts:
    """The runtime that was named, or the first that is installed and can build for the targets."""
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
    net: NetFile, recipe: EngineKey, store: EngineStore, gpu: Gpu | None, *, force: bool, quiet: bool
) -> StoredEngine:
    what = f"net {recipe.net}, {recipe.sizes}, {recipe.precision}, {recipe.runtime} for {', '.join(recipe.targets)}"
    there = next((stored for stored in store.entries() if stored.recipe == recipe), None)
    if there is not None and not force:
        try:
            there.read()
        except BackendError as error:
            typer.echo(f"rtstyle: {error}: it is built anew", err=True)
        else:
            if not quiet:
                typer.echo(f"{what}: there already, {there.recipe.key[:8]}", err=True)
            return there
    with _progress(what, quiet) as report:
        stored, _ = make_engine(net, recipe, store, gpu, report)
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
