"""The facts of `rtstyle doctor`, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["lines"]


def lines(facts: dict[str, Any]) -> Iterator[str]:
    """facts: as in `rtstyle doctor --json`."""
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
    for outlook in facts["auto"]:
        yield f"   {outlook['line']}"
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
