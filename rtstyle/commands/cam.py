"""rtstyle cam: a camera, a stream or a clip, painted or enlarged as it comes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from realtime.user_options import StyleOptions, parse_size
from rtstyle.commands.options import (
    INTERRUPTED,
    BackendOption,
    JsonOption,
    PrecisionOption,
    notify,
    output_option,
    source_option,
    takes_style_options,
)

if TYPE_CHECKING:
    import threading

    from realtime.live.session import CamSummary

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["cam"]


@takes_style_options
def cam(
    *,
    source: Annotated[
        str,
        source_option(
            "--source", help="A camera (0, /dev/video0), an address (http://, rtsp://), a video file, or test-pattern."
        ),
    ] = "0",
    styling: StyleOptions,
    size: Annotated[
        Optional[str],
        source_option("--size", help="WIDTHxHEIGHT, asked of the camera; other frames are scaled and cut to it."),
    ] = None,
    fps: Annotated[
        Optional[float],
        source_option("--fps", help="Asked of the camera; the test pattern keeps it (without: as fast as painted)."),
    ] = None,
    loop: Annotated[bool, source_option("--loop", help="Start a file again at its end.")] = False,
    stall: Annotated[
        float, source_option("--stall", help="Seconds without anything new before a camera is opened again.")
    ] = 5.0,
    mirror: Annotated[bool, source_option("--mirror", help="As in a mirror.")] = False,
    backend: BackendOption = "auto",
    precision: PrecisionOption = None,
    record: Annotated[
        Optional[Path], output_option("--record", help="Record to this .mp4 file, with true timestamps.")
    ] = None,
    force: Annotated[bool, output_option("--force", help="--record may replace a file.")] = False,
    folder: Annotated[
        Path, output_option("--folder", help="Where snapshots and recordings made by key press go.")
    ] = Path(),
    virtual_camera: Annotated[
        bool, output_option("--virtual-camera", help="Send the pictures to a virtual camera, for meetings.")
    ] = False,
    headless: Annotated[bool, output_option("--headless", help="No window.")] = False,
    frames: Annotated[Optional[int], typer.Option("--frames", help="End after so many shown frames.")] = None,
    seconds: Annotated[Optional[float], typer.Option("--seconds", help="End after so many seconds.")] = None,
    warm_up: Annotated[
        int, typer.Option("--warm-up", help="Leave so many first frames out of the rate and the latency.")
    ] = 0,
    list_cameras: Annotated[bool, typer.Option("--list", help="List the cameras and exit.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Paint or enlarge a camera, a stream or a clip live, in a window; h shows the keys.

    \b
    Examples:
      rtstyle cam --style wave --mirror
      rtstyle cam --style udnie:0.6,wave:0.4 --record painted.mp4
      rtstyle cam --source rtsp://camera.local/stream --sr 2
      rtstyle cam --source test-pattern --headless --frames 100 --json

    Where several nets have the style, the best one that keeps the rate paints: that of --fps, else what the source
    states, else 30. They are timed once for a size, which is remembered.
    """
    import json
    import threading

    if list_cameras:
        _list(as_json)
        return

    from realtime.live.session import CamOptions, run_camera

    options = CamOptions(
        source=source,
        styling=styling,
        size=None if size is None else parse_size(size),
        fps=fps,
        loop=loop,
        stall_s=stall,
        mirror=mirror,
        backend=backend,
        precision=precision,
        record=record,
        force=force,
        folder=folder,
        virtual_camera=virtual_camera,
        headless=headless,
        frames=frames,
        seconds=seconds,
        warm_up=warm_up,
    )
    stop = threading.Event()
    _stop_on_signals(stop)
    summary: CamSummary = run_camera(options, notify=notify, stop=stop)
    typer.echo(json.dumps(summary.as_dict(), indent=2) if as_json else summary.line())
    if summary.interrupted:
        raise typer.Exit(INTERRUPTED)


def _stop_on_signals(stop: threading.Event) -> None:
    """The first Ctrl-C, SIGTERM or SIGHUP asks for a clean finish; a second one does not wait for it."""
    import signal

    def ask(number: int, frame: object) -> None:  # noqa: ARG001 (Python's)
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), ask)


def _list(as_json: bool) -> None:
    import json

    from realtime.live.cameras import cameras, cure_for_no_camera, probe_camera

    found = [(camera, probe_camera(camera.path)) for camera in cameras()]
    if as_json:
        rows = [{"source": c.source, "path": c.path, "name": c.name, "size": size} for c, size in found]
        typer.echo(json.dumps(rows, indent=2))
        return
    for camera, size in found:
        can = f"{size[0]}x{size[1]}" if size else "cannot be opened: in use, or no right to"
        typer.echo(f"{camera.source}  {camera.path}  {camera.name}  {can}")
    if not found:
        typer.echo(f"no camera found: {cure_for_no_camera()}")
