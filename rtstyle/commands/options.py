"""Options that several commands share.

>>> @takes_style_options
... def cam(*, styling: StyleOptions, mirror: bool = False) -> None: ...  # has --style, --net and so on
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, Optional, get_type_hints

import typer
from typer.core import TyperCommand

from engines.errors import RtStyleError
from realtime.user_options import StyleOptions

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = [
    "BackendOption",
    "INTERRUPTED",
    "JsonOption",
    "NetOption",
    "PanelCommand",
    "PrecisionOption",
    "SrOption",
    "StyleOption",
    "as_flags",
    "engine_option",
    "error_text",
    "notify",
    "output_option",
    "several",
    "source_option",
    "takes_style_options",
]


INTERRUPTED = 130
"""Exit code after Ctrl-C and a clean finish."""

source_option: Callable[..., Any] = partial(typer.Option, rich_help_panel="Source")
output_option: Callable[..., Any] = partial(typer.Option, rich_help_panel="Output")
engine_option: Callable[..., Any] = partial(typer.Option, rich_help_panel="Engine")
"""An option of typer's in a group of its own in the help of a PanelCommand."""

_FLAGS = {"overwrite": "--force", "file_format": "--format"}
"""Flags that are not called like what they set."""


class PanelCommand(TyperCommand):
    """A command whose help shows its options in groups, each under the heading that is their `rich_help_panel`.

    The headings stand in the order in which their options do, and what has none comes last. typer draws such groups
    itself only with rich, in boxes whose texts it breaks a second time; these are plain, in one column from top to
    bottom, and cost nothing to start.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Called by typer while it writes the help."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        rest: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                groups["Arguments"].append(record)
            elif heading := getattr(parameter, "rich_help_panel", None):
                groups.setdefault(heading, []).append(record)
            else:
                rest.append(record)
        groups["Options"] = rest
        width = max(len(names) for records in groups.values() for names, _ in records)
        for heading, records in groups.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl([(names.ljust(width), text) for names, text in records])


def _style_option(name: str) -> Any:
    """The field of StyleOptions as an option: `keep_colors` is --keep-colors."""
    field = StyleOptions.__dataclass_fields__[name]
    return typer.Option(
        f"--{name.replace('_', '-')}", help=field.metadata["help"], rich_help_panel="Style and upscaling"
    )


def takes_style_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each field of StyleOptions where its parameter `styling: StyleOptions` stands.

    typer finds out what a command takes from its signature, so the command gets one that names them all.
    """
    hints, style_hints = get_type_hints(command, include_extras=True), get_type_hints(StyleOptions)
    names = [field.name for field in fields(StyleOptions)]
    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name != "styling":
            parameters.append(parameter.replace(annotation=hints[parameter.name]))
            continue
        parameters += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=Annotated[style_hints[field.name], _style_option(field.name)],
            )
            for field in fields(StyleOptions)
        ]

    @wraps(command)
    def with_style_options(**given: Any) -> None:
        styling = StyleOptions(**{name: given.pop(name) for name in names})
        command(styling=styling, **given)

    with_style_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_style_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_style_options


StyleOption = Annotated[Optional[str], _style_option("style")]
NetOption = Annotated[Optional[str], _style_option("net")]
SrOption = Annotated[Optional[int], _style_option("sr")]
BackendOption = Annotated[
    str,
    engine_option("--backend", help="auto, or a backend from `rtstyle doctor`; a named one is used or is an error."),
]
PrecisionOption = Annotated[
    Optional[str],
    engine_option("--precision", help="f32, bf16, f16 or int8: what the net computes in. Default: the backend's."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines on stdout.")]


def several(values: list[str] | None) -> list[str]:
    """`A,B` given once, or A and B given one after the other; a file whose name has a comma stays whole."""
    found: list[str] = []
    for value in values or []:
        found += [value] if Path(value).is_file() else [part.strip() for part in value.split(",") if part.strip()]
    return list(dict.fromkeys(found))


def as_flags(text: str) -> str:
    """A text of the library with the options in it, such as `keep_colors` between backticks, as flags."""
    return re.sub(r"`([a-z_]+)`", lambda found: _FLAGS.get(found[1], f"--{found[1].replace('_', '-')}"), text)


def error_text(error: RtStyleError) -> str:
    """The message and the hint of an error in one line, the options in them as flags. All errors are shown by this."""
    return as_flags(error.full_text)


def notify(text: str) -> None:
    """Say something on stderr in a line of its own, the options in it as flags."""
    typer.echo(f"rtstyle: {as_flags(text)}", err=True)
