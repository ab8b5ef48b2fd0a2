"""rtstyle doctor: what this machine can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from rtstyle.commands.options import JsonOption, as_flags, notify

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

    facts = _facts(quick=quick)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for line in _lines(facts):
        typer.echo(line)


def _facts(*, quick: bool) -> dict[str, Any]:
    """Everything, as JSON values."""
    import platform
    from dataclasses import asdict

    from engines.backends import reports
    from engines.cache import cache_folder
    from engines.library import Library, shipped_folder, user_folder
    from engines.processors import graphics_cards, processor
    from realtime.video.writer import encoder_reports
    from rtstyle import __version__
    from rtstyle.diagnostics import camera_reports, folder_report, wanting

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
        "auto": _forecasts(quick=quick),
        "install": [{"command": extra.command, "what": extra.what} for extra in wanting(gpu=gpu)],
    }


def _forecasts(*, quick: bool) -> list[dict[str, object]]:
    from rtstyle.diagnostics import FORECAST_SIZES, forecast

    if not quick:
        sizes = " and ".join(f"{width}x{height}" for width, height in FORECAST_SIZES)
        notify(f"timing nets at {sizes}, about a second each (--quick leaves it out)")
    found = [forecast(size, measure=not quick, notice=notify) for size in FORECAST_SIZES]
    rows = [{**one.as_dict(), "line": one.line()} for one in found]
    return [{key: as_flags(value) if isinstance(value, str) else value for key, value in row.items()} for row in rows]


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    """The facts for people. facts: as in `rtstyle doctor --json`."""
    yield f"rtstyle {facts['version']}, Python {facts['python']}, {facts['system']}"
    cpu = facts["cpu"]
    can = ", ".join(cpu["features"]) or "of its matrix features the system says nothing"
    yield f"   CPU: {cpu['name']}, {cpu['cores']} cores, {can}"
    for gpu in facts["gpus"]:
        driver = f", driver {gpu['driver']}" if gpu["driver"] else ", no driver"
        yield f"   GPU: {gpu['name']}{driver}: {gpu['text']}"
    if not facts["gpus"]:
        yield "   GPU: none found"
    yield "Backends (-> is what auto takes)"
    for report in facts["backends"]:
        yield f"{'->' if report['name'] == facts['backend'] else '  '} {report['name']}: {report['text']}"
    yield "Nets"
    for name, styles in facts["nets"].items():
        yield f"   {name}: {styles} style{'s' if styles > 1 else ''}" if styles else f"   {name}"
    yield "What --net auto takes for the default style"
    for forecast in facts["auto"]:
        yield f"   {forecast['line']}"
    yield from _devices(facts)
    yield from _folders(facts)
    if facts["install"]:
        yield "For more"
        width = max(len(more["command"]) for more in facts["install"])
        for more in facts["install"]:
            yield f"   {more['command']:{width}}  {more['what']}"


def _devices(facts: dict[str, Any]) -> Iterator[str]:
    yield "Cameras"
    cameras = facts["cameras"]
    if cameras is None:
        yield "   not looked for: rtstyle cam --list opens them in turn"
    elif not cameras:
        yield "   none found"
    for camera in cameras or ():
        can = "can be used" if camera["usable"] else f"cannot be opened: {camera['text']}"
        yield f"   {camera['source']}: {camera['name'] or camera['path']}, {can}"
    yield "Encoders"
    usable = [f"{e['name']} ({e['family']})" for e in facts["encoders"] if e["usable"]]
    yield f"   can be used: {', '.join(usable) or 'none'}"
    reasons: dict[str, list[str]] = {}
    for encoder in facts["encoders"]:
        if not encoder["usable"]:
            reasons.setdefault(encoder["text"].removeprefix(f"{encoder['name']} ").removeprefix("is "), []).append(
                encoder["name"]
            )
    for reason, names in reasons.items():
        yield f"   {', '.join(names)}: {reason}"


def _folders(facts: dict[str, Any]) -> Iterator[str]:
    folders = facts["folders"]
    yield "Folders"
    yield f"   your nets and styles: {facts['user_folder']} (RTSTYLE_HOME moves it), {folders['user']['text']}"
    yield f"   compiled nets: {facts['cache_folder']} (RTSTYLE_CACHE moves it), {folders['cache']['text']}"
    yield f"   shipped ones: {facts['shipped_folder']}"
