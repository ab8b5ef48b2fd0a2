"""rtstyle video: paint a video file, or enlarge it, or both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from realtime.user_options import StyleOptions, parse_size
from rtstyle.commands.options import BackendOption, JsonOption, PrecisionOption, takes_style_options

if TYPE_CHECKING:
    from pathlib import Path

    from realtime.video.job import Progress
    from realtime.video.job import VideoSummary
    from realtime.video.decoders import Notice

__all__ = ["video"]

_INTERRUPTED = 130


@takes_style_options
def video(
    *,
    source: Annotated[str, typer.Argument(metavar="IN", help="The video file.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="The result: .mp4, .m4v, .mov, .mkv or .webm.")],
    styling: StyleOptions,
    start: Annotated[Optional[str], typer.Option("--start", help="Begin here: seconds or h:m:s.")] = None,  # noqa: UP045
    end: Annotated[Optional[str], typer.Option("--end", help="End before this time: seconds or h:m:s.")] = None,  # noqa: UP045
    size: Annotated[Optional[str], typer.Option("--size", help="WIDTHxHEIGHT to scale the frames to first.")] = None,  # noqa: UP045
    codec: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--codec",
            help="h264, hevc, av1, vp9, or an encoder: h264_nvenc, hevc_nvenc, av1_nvenc, h264_vaapi, h264_qsv, "
            "h264_videotoolbox; auto: an NVIDIA GPU's encoder where there is one. Default: h264 on the CPU.",
        ),
    ] = None,
    crf: Annotated[Optional[int], typer.Option("--crf", help="Quality: lower is better. h264: 0 to 51, 20.")] = None,  # noqa: UP045
    preset: Annotated[Optional[str], typer.Option("--preset", help="The encoder's speed. h264: veryfast.")] = None,  # noqa: UP045
    decoder: Annotated[
        str, typer.Option("--decoder", help="cpu, cuda (an NVIDIA GPU), or auto: what a trial shows to be faster.")
    ] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing OUT.")] = False,
    backend: BackendOption = "auto",
    precision: PrecisionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Paint every frame of a video, enlarge it, or both; sound, subtitles, chapters and timestamps stay as they are.

    Nothing hurries here: where several nets have the style, `fast` paints, and --net names another.

    Ctrl-C finishes what was painted into a playable file.

    Example: rtstyle video in.mp4 out.mp4 --style starry-night
    """
    from pathlib import Path

    from engines.cache import cache_folder
    from engines.contract import EngineOptions
    from engines.errors import SourceError
    from realtime.pipeline import resolve
    from realtime.video.job import stylize_video_file
    from realtime.video.job import VideoJob, parse_time

    job = VideoJob(
        source=Path(source),
        target=Path(target),
        pipeline=resolve(styling),
        start_s=None if start is None else parse_time(start),
        end_s=None if end is None else parse_time(end),
        size=None if size is None else parse_size(size),
        codec=codec,
        crf=crf,
        preset=preset,
        decoder=decoder,
        overwrite=force,
        backend=backend,
        engine=EngineOptions(cache=cache_folder(), precision=precision),
    )
    try:
        with _terminated_like_interrupted(), _shown(job.source) as (progress, notice):
            summary = stylize_video_file(job, progress=progress, notice=notice)
    except KeyboardInterrupt:
        typer.echo("rtstyle: interrupted before there was anything to keep", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    _report(summary, as_json=as_json)
    if summary.interrupted:
        raise typer.Exit(_INTERRUPTED)
    if summary.incomplete is not None:
        raise SourceError(f"{source}: ends too early, {summary.incomplete}: {target} holds those")


def _report(summary: VideoSummary, *, as_json: bool) -> None:
    import dataclasses
    import json

    if as_json:
        facts = {**dataclasses.asdict(summary), "output": str(summary.output)}
        typer.echo(json.dumps(facts, indent=2))
        return
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in summary.stage_seconds.items())
    width, height = summary.size
    typer.echo(
        f"{summary.output}: {summary.frames} frames of {width}x{height} in {summary.seconds:.1f} s, "
        f"{summary.fps:.1f} frames/s ({stages}, side by side)" + (", interrupted" if summary.interrupted else "")
    )


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM, and SIGHUP when the terminal goes, do what Ctrl-C does."""
    import signal
    from types import FrameType

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _shown(source: Path) -> Iterator[tuple[Progress | None, Notice]]:
    """A progress bar on stderr where that is a terminal, and a way to say things beside it."""
    from rich.console import Console

    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(f"rtstyle: {text}", markup=False, highlight=False, soft_wrap=True)

    if not console.is_terminal:
        yield None, say
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f} frames/s"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task(source.name, total=None, rate=0.0)

        def progress(frames: int, expected: int | None, rate: float) -> None:
            total = None if expected is None else max(frames, expected)
            bar.update(task, completed=frames, total=total, rate=rate)

        yield progress, say
