"""rtstyle bench fps: frames per second on this machine, of one net or of many."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from rtstyle.commands.bench import PlotOption, SaveOption
from rtstyle.commands.bench_speed import RoundsOption
from rtstyle.commands.bench import write_figures
from rtstyle.commands.options import JsonOption, SrOption, StyleOption, several

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["fps"]

_LIST = "may be several with commas between them"


def fps(
    *,
    net: Annotated[Optional[list[str]], typer.Option("--net", help=f"A net or net file; {_LIST}.")] = None,
    size: Annotated[
        Optional[list[str]], typer.Option("--size", help=f"WIDTHxHEIGHT of the frames; {_LIST}. Default: 640x480.")
    ] = None,
    backend: Annotated[
        Optional[list[str]], typer.Option("--backend", help=f"From `rtstyle doctor`, or auto; {_LIST}.")
    ] = None,
    precision: Annotated[
        Optional[list[str]],
        typer.Option("--precision", help=f"f32, bf16, f16 or int8; {_LIST}. Default: the backend's choice."),
    ] = None,
    sr: SrOption = None,
    style: StyleOption = None,
    frames: Annotated[int, typer.Option("--frames", min=20, help="In each run.")] = 300,
    warm_up: Annotated[int, typer.Option("--warm-up", min=1, help="Frames before those, in each run.")] = 10,
    rounds: RoundsOption = 3,
    plot: PlotOption = None,
    compare: Annotated[
        Optional[tuple[Path, Path]],
        typer.Option("--compare", metavar="A.json B.json", help="Measure nothing: set two saved results side by side."),
    ] = None,
    save: SaveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Frames per second of the bare engine, and of `rtstyle cam` on the test pattern, for all combinations asked for.

    Example: rtstyle bench fps --size 640x480,1280x720 --backend openvino,onnxruntime --plot rates.png

    Example: rtstyle bench fps --compare before.json after.json
    """
    if compare is not None:
        from engines.errors import BadInputError

        if any((net, size, backend, precision, sr, style, plot, save)):
            raise BadInputError("--compare measures nothing: expected two files and, at most, --json beside it")
        _compare(compare, as_json=as_json)
        return
    from benchmarks.fps import combinations
    from benchmarks.fps import sweep
    from realtime.user_options import parse_size

    if plot is not None:
        from benchmarks.plots import check_plot

        check_plot(plot)
    sizes = [parse_size(one) for one in several(size) or ["640x480"]]
    chosen = combinations(
        nets=several(net) or [None],
        backends=several(backend) or ["auto"],
        precisions=several(precision) or [None],
        style=style,
        sr=sr,
    )
    rows = sweep(chosen, sizes, frames=frames, rounds=rounds, warm_up=warm_up, report=_say)
    _finish(rows, plot=plot, save=save, as_json=as_json)


def _finish(rows: list[dict[str, Any]], *, plot: Path | None, save: bool, as_json: bool) -> None:
    from benchmarks.results import machine_facts
    from benchmarks.tables import fps_table
    from benchmarks.results import size_text
    from engines.errors import BackendError

    alone = rows[0] if len(rows) == 1 else None
    if alone is not None and "reason" in alone:
        raise BackendError(alone["reason"])
    if plot is not None:
        from benchmarks.plots import plot_rates

        plot_rates(rows, machine_facts(), plot)
        _say(f"written: {plot}")
    name = "fps-" + ("sweep" if alone is None else size_text(alone["size"]))
    write_figures(name, alone or {"rows": rows}, fps_table(rows), save=save, as_json=as_json)


def _compare(files: tuple[Path, Path], *, as_json: bool) -> None:
    import json

    from benchmarks.results import compare_results
    from benchmarks.tables import comparison_table
    from benchmarks.results import read_result

    found = compare_results(read_result(files[0]), read_result(files[1]), (str(files[0]), str(files[1])))
    for difference in found["differs"]:
        _say(f"rtstyle: not the same in both: {difference}")
    typer.echo(json.dumps(found, indent=2) if as_json else comparison_table(found))


def _say(text: str) -> None:
    typer.echo(text, err=True)
