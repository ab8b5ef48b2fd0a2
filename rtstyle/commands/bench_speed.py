"""rtstyle bench fps, video and memory: speed on this machine, of one net or of many."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from rtstyle.commands.bench import PlotOption, SaveOption, say, write_figures
from rtstyle.commands.options import (
    BackendOption,
    JsonOption,
    NetOption,
    PrecisionOption,
    SrOption,
    StyleOption,
    notify,
    several,
)

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["RoundsOption", "fps", "memory", "video"]

RoundsOption = Annotated[int, typer.Option("--rounds", min=1, help="Runs of each, taking turns.")]
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
    from benchmarks.fps import combinations, sweep
    from benchmarks.plots import check_plot
    from realtime.user_options import parse_size

    check_plot(plot)
    sizes = [parse_size(one) for one in several(size) or ["640x480"]]
    measured = combinations(
        nets=several(net) or [None],
        backends=several(backend) or ["auto"],
        precisions=several(precision) or [None],
        style=style,
        sr=sr,
    )
    rows = sweep(measured, sizes, frames=frames, rounds=rounds, warm_up=warm_up, report=say)
    _write_rates(rows, plot=plot, save=save, as_json=as_json)


def video(
    clip: Annotated[Path, typer.Argument(help="A video file.")],
    *,
    preset: Annotated[str, typer.Option("--preset", help="x264's preset.")] = "veryfast",
    rounds: RoundsOption = 3,
    style: StyleOption = None,
    net: NetOption = None,
    sr: SrOption = None,
    backend: BackendOption = "auto",
    precision: PrecisionOption = None,
    plot: PlotOption = None,
    save: SaveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Frames per second of `rtstyle video` on a clip, against the bare engine; and where the time goes.

    Example: rtstyle bench video my-clip.mp4 --plot where.png
    """
    from benchmarks.fps import combinations, video_against_engine
    from benchmarks.plots import check_plot, plot_job
    from benchmarks.results import machine_facts
    from benchmarks.tables import job_bars

    check_plot(plot)
    (combination,) = combinations(nets=[net], backends=[backend], precisions=[precision], style=style, sr=sr)
    figures = video_against_engine(combination, clip, preset=preset, rounds=rounds, report=say)
    if plot is not None:
        plot_job(figures, machine_facts(), plot)
        say(f"written: {plot}")
    name = "video" if sr is None else f"video-sr{sr}"
    write_figures(name, figures, f"{job_bars(figures['job'])}\n{_rates(figures)}", save=save, as_json=as_json)


def memory(
    *,
    frames: Annotated[int, typer.Option("--frames", min=2000, help="So many in all.")] = 20_000,
    save: SaveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Memory of `rtstyle cam` after 1,000 frames and at the end.

    Example: rtstyle bench memory --frames 100000
    """
    from benchmarks.monitoring import memory_over_frames

    figures = memory_over_frames(frames)
    text = "\n".join(f"{key}: {value}" for key, value in figures.items())
    write_figures("memory", figures, text, save=save, as_json=as_json)


def _write_rates(rows: list[dict[str, Any]], *, plot: Path | None, save: bool, as_json: bool) -> None:
    from benchmarks.plots import plot_rates
    from benchmarks.results import machine_facts, size_text
    from benchmarks.tables import fps_table
    from engines.errors import BackendError

    alone = rows[0] if len(rows) == 1 else None
    if alone is not None and "reason" in alone:
        raise BackendError(alone["reason"])
    if plot is not None:
        plot_rates(rows, machine_facts(), plot)
        say(f"written: {plot}")
    name = "fps-" + ("sweep" if alone is None else size_text(alone["size"]))
    write_figures(name, alone or {"rows": rows}, fps_table(rows), save=save, as_json=as_json)


def _compare(files: tuple[Path, Path], *, as_json: bool) -> None:
    import json

    from benchmarks.results import compare_results, read_result
    from benchmarks.tables import comparison_table

    found = compare_results(read_result(files[0]), read_result(files[1]), (str(files[0]), str(files[1])))
    for difference in found["differs"]:
        notify(f"not the same in both: {difference}")
    typer.echo(json.dumps(found, indent=2) if as_json else comparison_table(found))


def _rates(figures: dict[str, Any]) -> str:
    bare, whole = figures["bare_fps"], figures["video_fps"]
    peak = f"; at most {figures['peak_mb']:.0f} MB" if "peak_mb" in figures else ""
    return (
        f"{figures['rounds']} rounds: video {whole['median']:.1f} ({whole['lowest']:.1f} to {whole['highest']:.1f}) "
        f"frames/s, bare engine {bare['median']:.1f}: {figures['ratio']:.2f} of it{peak}"
    )
