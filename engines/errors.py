"""All errors that a user can meet.

RtStyleError
├── BadInputError        a file, a value or a name is not what was expected
│   ├── NetFileError     ... a net file
│   └── StyleFileError   ... a style file
├── MissingPackageError  an optional package is not installed
├── BackendError         a backend cannot run here, or failed
├── SourceError          a camera or video cannot be opened or read on
└── OutputError          a result cannot be written

A message says what was expected and what came, in one line; the hint, apart from it, what to do. Options stand in
both by their Python names between backticks, as `keep_colors`; the command line shows them as its flags.
"""

from __future__ import annotations

__all__ = [
    "BackendError",
    "BadInputError",
    "MissingPackageError",
    "NetFileError",
    "OutputError",
    "RtStyleError",
    "SourceError",
    "StyleFileError",
]


class RtStyleError(Exception):
    """The root: catch this to catch whatever rtstyle raises on purpose."""

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        """Names from files and users stand in messages: what does not print is escaped, so that one line stays one."""
        super().__init__(_printable(message))
        self.hint = _printable(hint)
        """What to do, to be shown after the message; empty where that says all."""

    @property
    def full_text(self) -> str:
        """The message and its hint, for a notice about the error; options stand between backticks in both."""
        return f"{self}: {self.hint}" if self.hint else str(self)


class BadInputError(RtStyleError):
    """A file, a value or a name is not what was expected."""


class NetFileError(BadInputError):
    """A file is not a net file that this version can use."""


class StyleFileError(BadInputError):
    """A file is not a style file that this version can use, or the style belongs to another net."""


class MissingPackageError(RtStyleError):
    """An optional package is needed and not installed."""

    def __init__(self, what: str, package: str, *, extra: str | None) -> None:
        """extra: what brings the package; None for one that came with rtstyle and was taken out."""
        wanted = package if extra is None else f'"rtstyle[{extra}]"'
        super().__init__(f"{what} needs the package {package}: pip install {wanted}")


class BackendError(RtStyleError):
    """A backend cannot run on this machine, or failed while it ran."""


class SourceError(RtStyleError):
    """A camera or a video cannot be opened, or not be read any further."""


class OutputError(RtStyleError):
    """A result cannot be written."""


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
