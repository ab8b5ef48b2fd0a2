"""What a source's text means, and how much of it may be shown."""

from __future__ import annotations

import re
from typing import Literal

from realtime.live.options import PATTERN

__all__ = ["SourceKind", "public_name", "source_kind"]

SourceKind = Literal["device", "file", "pattern", "stream"]

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://(.*)", re.DOTALL)


def source_kind(source: str) -> SourceKind:
    """`device` for an index or a path under /dev, `stream` for an address, `pattern`, or else `file`."""
    if source == PATTERN:
        return "pattern"
    if source.isascii() and source.isdigit():
        return "device"
    if _SCHEME.fullmatch(source):
        return "stream"
    return "device" if source.startswith("/dev/") else "file"


def public_name(source: str) -> str:
    """The source without anything that could be a password: user names, queries and fragments are left out.

    A password may hold any character. Where an `@` stands behind a `?` or a `#`, it cannot be told which part is
    which, and nothing of the address is shown.
    """
    match = _SCHEME.fullmatch(source)
    if not match:
        return source
    scheme, rest = match.groups()
    plain = re.split(r"[?#]", rest, maxsplit=1)[0]
    if "@" in rest[len(plain) :]:
        return f"{scheme}://..."
    return f"{scheme}://{plain.rpartition('@')[2]}"
