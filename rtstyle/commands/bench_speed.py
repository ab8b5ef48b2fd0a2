"""rtstyle bench video and memory; and what all benchmarks of speed end with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rtstyle.commands.bench import PlotOption, SaveOption
from rtstyle.commands.options import BackendOption, JsonOption, NetOption, PrecisionOption, SrOption, StyleOption

__all__ = ["RoundsOption", "memory", "video", "write_figures"]

RoundsOption = Annotated[int, typer.Option("--rounds", min=1, help="Runs of each, taking turns.")]


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
    from benchmarks.tables import job_bars
    from benchmarks.fps import combinations
    from benchmarks.fps import video_against_engine
    from benchmarks.results import machine_facts

    if plot is not None:
        from benchmarks.plots import check_plot

        check_plot(plot)
    (choice,) = combinations(nets=[net], backends=[backend], precisions=[precision], style=style, sr=sr)
    figures = video_against_engine(choice, clip, preset=preset, rounds=rounds, report=_say)
    if plot is not None:
        from benchmarks.plots import plot_job

        plot_job(figures, machine_facts(), plot)
        _say(f"written: {plot}")
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


def write_figures(name: str, figures: dict[str, Any], text: str, *, save: bool, as_json: bool) -> None:
    """Save the figures if they are to be, and print them: `text` for people, or JSON with the machine."""
    import json

    from benchmarks.results import machine_facts, write_result

    if save:
        figures = {**figures, "command": name}
        _say(f"written: {write_result(name, figures)}")
    typer.echo(json.dumps({"machine": machine_facts(), **figures}, indent=2) if as_json else text)


def _rates(figures: dict[str, Any]) -> str:
    bare, whole = figures["bare_fps"], figures["video_fps"]
    peak = f"; at most {figures['peak_mb']:.0f} MB" if "peak_mb" in figures else ""
    return (
        f"{figures['rounds']} rounds: video {whole['median']:.1f} ({whole['lowest']:.1f} to {whole['highest']:.1f}) "
        f"frames/s, bare engine {bare['median']:.1f}: {figures['ratio']:.2f} of it{peak}"
    )


def _say(text: str) -> None:
    typer.echo(text, err=True)
