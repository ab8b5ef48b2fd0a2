"""rtstyle doctor: what this machine can do."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rtstyle.commands.options import JsonOption

__all__ = ["doctor"]


def doctor(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Time nothing: tell of the nets' speed only what is remembered.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what this machine can do: processor, GPUs, backends, nets, cameras, encoders, folders.

    Says which net `--net auto` takes here, how fast it is (it is timed for that), and what to install for more.

    Example: rtstyle doctor
    """
    import json

    from rtstyle.commands.doctor import lines

    facts = _facts(quick=quick)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for line in lines(facts):
        typer.echo(line)


def _facts(*, quick: bool) -> dict[str, Any]:
    """Everything, as JSON values."""
    import platform
    from dataclasses import asdict

    from engines.cache import cache_folder
    from engines.backends import reports
    from engines.processors import graphics_cards
    from engines.library import Library, shipped_folder, user_folder
    from engines.processors import processor
    from realtime.video.writer import encoder_reports
    from rtstyle import __version__
    from rtstyle.diagnostics import camera_reports, folder_report
    from rtstyle.diagnostics import wanting

    backends, library, graphics = reports(), Library(), graphics_cards()
    gpu = any(card.usable for card in graphics)
    seen = camera_reports(quick=quick)
    folders = {"user": folder_report(user_folder()), "cache": folder_report(cache_folder())}
    return {
        "version": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": asdict(processor()),
        "gpus": [asdict(card) for card in graphics],
        "backend": next((report.name for report in backends if report.usable), None),
        "backends": [asdict(report) for report in backends],
        "nets": {name: len(library.styles(name)) for name in library.nets()},
        "cameras": None if seen is None else [asdict(camera) for camera in seen],
        "encoders": [asdict(report) for report in encoder_reports()],
        "user_folder": str(user_folder()),
        "shipped_folder": str(shipped_folder()),
        "cache_folder": str(cache_folder()),
        "folders": {name: {"writable": report.writable, "text": report.text} for name, report in folders.items()},
        "auto": _outlooks(quick=quick),
        "install": [{"command": extra.command, "what": extra.what} for extra in wanting(gpu=gpu)],
    }


def _outlooks(*, quick: bool) -> list[dict[str, object]]:
    from rtstyle.diagnostics import FORECAST_SIZES, forecast

    if not quick:
        sizes = " and ".join(f"{width}x{height}" for width, height in FORECAST_SIZES)
        _say(f"timing nets at {sizes}, about a second each (--quick leaves it out)")
    found = [forecast(size, measure=not quick, notice=_say) for size in FORECAST_SIZES]
    return [{**one.as_dict(), "line": one.line()} for one in found]


def _say(text: str) -> None:
    typer.echo(f"rtstyle: {text}", err=True)
