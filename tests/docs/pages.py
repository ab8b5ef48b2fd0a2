"""The project's pages, and the examples in them.

A block of shell or Python that cannot run here has its reason in a comment on the line before it:

    <!-- not run: takes hours -->                                       the whole block
    <!-- not run: `rtstyle cam`, `rtstyle train` (needs a camera) -->   the lines that begin so
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Example", "PAGES", "ROOT", "examples"]

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))

_MARK = re.compile(r"<!-- not run: (.*) -->")
_SOME_LINES = re.compile(r"(`[^`]+`(?:, `[^`]+`)*) \((.+)\)")


@dataclass(frozen=True, kw_only=True)
class Example:
    """One block between ``` and ```."""

    page: Path
    line: int
    """Where it begins on the page, from 1."""
    language: str
    text: str
    not_run: str | None
    """Why it cannot run here; None for one that can, or can in part."""
    left_out: tuple[str, ...] = ()
    """How those lines begin that cannot run here."""

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def commands(self) -> list[str]:
        """Lines of a shell block; those that end in a backslash are joined."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]

    def runs(self, command: str) -> bool:
        return self.not_run is None and not command.startswith(self.left_out or ("\0",))


def examples(*languages: str) -> list[Example]:
    """All blocks of these languages on all pages; of all languages, where none is named."""
    found = (example for page in PAGES for example in _blocks(page))
    return [example for example in found if not languages or example.language in languages]


def _blocks(page: Path) -> Iterator[Example]:
    lines = page.read_text(encoding="utf-8").splitlines()
    begin: int | None = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if begin is None:
            begin = number
            continue
        mark = _MARK.fullmatch(lines[begin - 1]) if begin else None
        reason = mark[1] if mark else None
        some = _SOME_LINES.fullmatch(reason) if reason else None
        yield Example(
            page=page,
            line=begin + 1,
            language=lines[begin][3:].strip(),
            text="\n".join(lines[begin + 1 : number]) + "\n",
            not_run=None if some else reason,
            left_out=tuple(re.findall(r"`([^`]+)`", some[1])) if some else (),
        )
        begin = None
    assert begin is None, f"{page}:{begin}: a block without an end"
