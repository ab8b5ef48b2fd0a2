"""GPUs by the names that people know, and their compute capabilities (developer.nvidia.com/cuda-gpus)."""

from __future__ import annotations

import re

from engines.errors import BadInputError
from engines.names import nearest

__all__ = ["KNOWN_GPUS", "THIS", "parse_targets"]

THIS = "this"
"""The GPU at hand."""

KNOWN_GPUS = {
    target: tuple(names.split())
    for target, names in {
        "sm75": "gtx-1650 gtx-1660 rtx-2060 rtx-2070 rtx-2080 t4 titan-rtx quadro-rtx-4000 quadro-rtx-6000",
        "sm80": "a100 a30",
        "sm86": "rtx-3050 rtx-3060 rtx-3070 rtx-3080 rtx-3090 rtx-a2000 rtx-a4000 rtx-a5000 rtx-a6000 a2 a10 a16 a40",
        "sm89": "rtx-4050 rtx-4060 rtx-4070 rtx-4080 rtx-4090 rtx-4000-ada rtx-6000-ada l4 l40 l40s",
        "sm90": "h100 h200 gh200",
        "sm100": "b200 gb200",
        "sm120": "rtx-5050 rtx-5060 rtx-5070 rtx-5080 rtx-5090 rtx-pro-6000",
        "sm121": "gb10",
    }.items()
}
"""Names by build target."""

_BY_NAME = {name: target for target, names in KNOWN_GPUS.items() for name in names}
_SUFFIXES = re.compile(r"-?(ti|super|laptop|d|max-q)$")


def parse_targets(text: str) -> tuple[str, ...]:
    """`this`, or targets such as `sm75,sm89` or `rtx-4090`, sorted. Raises BadInputError for what is unknown."""
    found = {_target(part.strip().lower()) for part in text.split(",") if part.strip()}
    if not found:
        raise BadInputError("expected --target this, or targets such as sm75,sm89 or rtx-4090, got nothing")
    if THIS in found and len(found) > 1:
        raise BadInputError(f"--target this stands alone, got {text!r}: name this GPU's own target instead")
    return tuple(sorted(found, key=lambda target: int(target[2:]) if target != THIS else 0))


def _target(name: str) -> str:
    if name == THIS or name in KNOWN_GPUS:
        return name
    plain = re.sub(r"^(nvidia|geforce)[- ]", "", re.sub(r"^nvidia[- ]", "", name)).replace(" ", "-")
    plain = re.sub(r"^(rtx|gtx)(\d)", r"\1-\2", plain)
    while plain not in _BY_NAME and _SUFFIXES.search(plain):
        plain = _SUFFIXES.sub("", plain)
    if plain not in _BY_NAME:
        raise BadInputError(f"no build target is called {name!r}{nearest(name, [*_BY_NAME, *KNOWN_GPUS, THIS])}")
    return _BY_NAME[plain]
