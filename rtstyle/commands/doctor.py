"""rtstyle doctor: what this machine can do."""

from __future__ import annotations

import typer

from rtstyle.commands.options import JsonOption

__all__ = ["doctor"]


def doctor(as_json: JsonOption = False) -> None:
    """Show which backends can run here, and where files are kept.

    Example: rtstyle doctor
    """
    import json
    import platform

    from engines.backends import cache_folder, reports
    from engines.library import Library, shipped_folder, user_folder
    from rtstyle import __version__

    backends = reports()
    library = Library()
    chosen = next((report.name for report in backends if report.usable), None)
    if as_json:
        summary = {
            "version": __version__,
            "python": platform.python_version(),
            "system": platform.platform(),
            "backend": chosen,
            "backends": [{"name": r.name, "usable": r.usable, "text": r.text} for r in backends],
            "nets": {name: len(library.styles(name)) for name in library.nets()},
            "user_folder": str(user_folder()),
            "cache_folder": str(cache_folder()),
        }
        typer.echo(json.dumps(summary, indent=2))
        return
    typer.echo(f"rtstyle {__version__}, Python {platform.python_version()}, {platform.platform()}")
    for report in backends:
        mark = "->" if report.name == chosen else "  "
        typer.echo(f"{mark} {report.name}: {report.text}")
    for name in library.nets():
        typer.echo(f"   net {name}: {len(library.styles(name))} styles")
    typer.echo(f"   your nets and styles: {user_folder()} (set RTSTYLE_HOME to move it)")
    typer.echo(f"   shipped ones: {shipped_folder()}")
    typer.echo(f"   compiled nets: {cache_folder()} (set RTSTYLE_CACHE to move it)")
