"""rtstyle bench fps, video and memory: speed on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtstyle.commands.bench import SaveOption
from rtstyle.commands.options import BackendOption, JsonOption, NetOption, StyleOption

__all__ = ["fps", "memory", "video"]

RoundsOption = Annotated[int, typer.Option("--rounds", min=1, help="Runs of each, taking turns.")]


def fps(
    *,
    size: Annotated[str, typer.Option("--size", help="WIDTHxHEIGHT of the frames.")] = "640x480",
    frames: Annotated[int, typer.Option("--frames", min=20, help="In each run.")] = 300,
    rounds: RoundsOption = 3,
    style: StyleOption = None,
    net: NetOption = None,
    backend: BackendOption = "auto",
    save: SaveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Frames per second of the bare engine, and of `rtstyle cam` on the test pattern.

    Example: rtstyle bench fps --size 1280x720
    """
    from benchmarks.fps import cam_against_bare
    from engines.look import look
    from realtime.live.options import parse_size

    figures = cam_against_bare(
        look(style, net=net), parse_size(size), backend=backend, frames=frames, rounds=rounds, report=_say
    )
    _finish("fps-" + size, figures, save=save, as_json=as_json)


def video(
    clip: Annotated[Path, typer.Argument(help="A video file.")],
    *,
    preset: Annotated[str, typer.Option("--preset", help="x264's preset.")] = "veryfast",
    rounds: RoundsOption = 3,
    style: StyleOption = None,
    net: NetOption = None,
    backend: BackendOption = "auto",
    save: SaveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Frames per second of `rtstyle video` on a clip, against the bare engine; and where the time goes.

    Example: rtstyle bench video my-clip.mp4
    """
    from benchmarks.fps import video_against_bare
    from engines.look import look

    figures = video_against_bare(look(style, net=net), clip, preset=preset, backend=backend, rounds=rounds, report=_say)
    _finish("video", figures, save=save, as_json=as_json)


def memory(
    *,
    frames: Annotated[int, typer.Option("--frames", min=2000, help="So many in all.")] = 20_000,
    save: SaveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Memory of `rtstyle cam` after 1,000 frames and at the end.

    Example: rtstyle bench memory --frames 100000
    """
    from benchmarks.memory import memory_over_frames

    _finish("memory", memory_over_frames(frames), save=save, as_json=as_json)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _finish(name: str, figures: dict[str, object], *, save: bool, as_json: bool) -> None:
    import json

    from benchmarks.machine import write_result

    if save:
        figures.setdefault("command", name)
        _say(f"written: {write_result(name, figures)}")
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    for key, value in figures.items():
        if key != "last_run":
            typer.echo(f"{key}: {value}")
