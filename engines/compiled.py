"""Compiled nets on disk: the second start does not compile again, and a damaged file is found out, never used.

A file holds the SHA-256 of what follows, then what follows: the vendor's own bytes. Vendors notice a short file, but
they load changed weights without a word.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from engines.atomic import read_whole, write_whole
from engines.errors import BadInputError, OutputError

__all__ = ["compiled_path", "read_compiled", "write_compiled"]

_DIGEST_BYTES = 32
_LARGEST = 2**31

logger = logging.getLogger(__name__)


def compiled_path(folder: Path, label: str, facts: Mapping[str, object]) -> Path:
    """Where a compiled net is kept. Every fact on which the result depends is in the name: none is ever stale."""
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return folder / f"{label}-{key[:24]}.compiled"


def read_compiled(path: Path) -> bytes | None:
    """The vendor's bytes, or None where there are none, or where they are not what was written."""
    if not path.exists():
        return None
    try:
        content = read_whole(path, largest=_LARGEST)
    except BadInputError as error:
        logger.warning("a compiled net is not used, the net is compiled anew: %s", error)
        return None
    body = content[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != content[:_DIGEST_BYTES]:
        logger.warning("%s: a compiled net is damaged and not used, the net is compiled anew", path)
        return None
    return body


def write_compiled(path: Path, body: bytes) -> None:
    """Keep a compiled net. A folder that cannot be written costs time at the next start, not this one."""
    try:
        write_whole(path, hashlib.sha256(body).digest() + body)
    except OutputError as error:
        logger.warning("the compiled net is not kept, each start compiles anew: %s", error)
