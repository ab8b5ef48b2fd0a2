"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

__all__ = [
    "BackendOption",
    "JsonOption",
    "KeepColorsOption",
    "NetOption",
    "PrecisionOption",
    "SrModeOption",
    "SrOption",
    "StrengthOption",
    "StyleOption",
    "several",
]

StyleOption = Annotated[
    Optional[str],  # noqa: UP045 (typer reads it at run time)
    typer.Option("--style", help="A style, or a blend: udnie, udnie:0.6,wave:0.4, or a style file. Default: udnie."),
]
NetOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--net", help="The net that paints: auto (the default), a name from `rtstyle styles list`, or a net file."
    ),
]
StrengthOption = Annotated[float, typer.Option("--strength", help="0 leaves the frame as it is, 1 paints it fully.")]
KeepColorsOption = Annotated[
    bool, typer.Option("--keep-colors", help="Take only the brightness from the painting, the colours from the frame.")
]
SrOption = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--sr", help="Enlarge 2, 3 or 4 times: alone without --style, or what was painted."),
]
SrModeOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--sr-mode", help="fidelity: nearest to the pixels; perceptual (the default): sharp and clean."),
]
BackendOption = Annotated[
    str, typer.Option("--backend", help="auto, or a backend from `rtstyle doctor`; a named one is used or is an error.")
]
PrecisionOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--precision", help="f32, bf16, f16 or int8: what the net computes in. Default: the backend's."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines on stdout.")]


def several(values: list[str] | None) -> list[str]:
    """`A,B` given once, or A and B given one after the other; a file whose name has a comma stays whole."""
    found: list[str] = []
    for value in values or []:
        found += [value] if Path(value).is_file() else [part.strip() for part in value.split(",") if part.strip()]
    return list(dict.fromkeys(found))
