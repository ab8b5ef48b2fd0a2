"""From what a user names to which picture goes where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.errors import BadInputError
from realtime.pictures.write import FORMATS, format_of

__all__ = ["PICTURE_ENDINGS", "STANDARD", "Task", "plan"]

STANDARD = "-"
"""What a user types for stdin and stdout."""

PICTURE_ENDINGS = frozenset(
    [ending for endings in FORMATS.values() for ending in endings]
    + [".avif", ".bmp", ".gif", ".jp2", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff"]
)
"""Which files of a folder are taken. A file that is named by itself is read whatever its ending."""

_FALLBACK = "png"
"""For kinds of files that can be read and not written: lossless, with transparency."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One picture to be painted."""

    source: Path | None
    """None: stdin."""
    target: Path | None
    """None: stdout."""
    file_format: str
    """A key of FORMATS."""

    @property
    def name(self) -> str:
        """For messages."""
        return "stdin" if self.source is None else str(self.source)


def plan(inputs: Sequence[str], out: str, *, recursive: bool = False, file_format: str | None = None) -> list[Task]:
    """Which picture goes where: a file or stdin to a file or stdout; files and folders into a folder.

    Names are kept, and with `recursive` the folders within folders; only the ending changes, for a `file_format`, or
    where a kind of file cannot be written (PNG is written then). Raises BadInputError.
    """
    if out == STANDARD and (len(inputs) > 1 or Path(inputs[0]).is_dir()):
        raise BadInputError("only one picture can be written to stdout: name a folder for OUT")
    if out == STANDARD:
        return [Task(source=_source(inputs[0]), target=None, file_format=file_format or _FALLBACK)]
    single = len(inputs) == 1 and not Path(inputs[0]).is_dir()
    if single and not Path(out).is_dir() and not out.endswith(("/", "\\")):
        target = Path(out)
        task = Task(source=_source(inputs[0]), target=target, file_format=_format_to_write(target, file_format))
        return _apart_from_originals([task])
    tasks = list(_into_folder(inputs, Path(out), recursive, file_format))
    _check_apart(tasks)
    return _apart_from_originals(tasks)


def _source(text: str) -> Path | None:
    return None if text == STANDARD else Path(text)


def _format_to_write(path: Path, wanted: str | None) -> str:
    named = format_of(path)
    if named is None and wanted is None:
        endings = ", ".join(endings[0] for endings in FORMATS.values())
        raise BadInputError(
            f"{path}: expected a name that ends in {endings}, or `file_format`, or a folder that exists"
        )
    if named is not None and wanted not in (None, named):
        raise BadInputError(f"{path}: the name says {named}, `file_format` says {wanted}", hint="make them agree")
    return wanted or named or _FALLBACK


def _into_folder(inputs: Sequence[str], out: Path, recursive: bool, wanted: str | None) -> Iterator[Task]:
    if out.exists() and not out.is_dir():
        raise BadInputError(f"{out}: is a file: several pictures go into a folder")
    if not out.exists() and format_of(out) is not None:
        raise BadInputError(f"{out}: looks like a file: several pictures go into a folder, make it first if it is one")
    for text in inputs:
        path = Path(text)
        if text == STANDARD:
            raise BadInputError("a picture from stdin has no name: write it to a file, not into a folder")
        if path.is_dir():
            for found in _pictures_in(path, out, recursive):
                yield _task(found, out / found.relative_to(path), wanted)
        else:
            yield _task(path, out / path.name, wanted)


def _task(source: Path, target: Path, wanted: str | None) -> Task:
    named = format_of(target)
    chosen = wanted or named or _FALLBACK
    if chosen != named:
        target = target.with_suffix(FORMATS[chosen][0])
    return Task(source=source, target=target, file_format=chosen)


def _pictures_in(folder: Path, out: Path, recursive: bool) -> list[Path]:
    """The pictures of a folder by name, without hidden ones, and without those in `out` from the last time."""
    inside_out = out.resolve()
    apart = folder.resolve() != inside_out
    found = [
        path
        for path in sorted(folder.rglob("*") if recursive else folder.iterdir())
        if path.suffix.lower() in PICTURE_ENDINGS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not (apart and inside_out in path.resolve().parents)
    ]
    if not found:
        hint = "" if recursive else "`recursive` looks into folders within it"
        raise BadInputError(f"{folder}: no pictures in this folder", hint=hint)
    return found


def _check_apart(tasks: list[Task]) -> None:
    by_target: dict[Path | None, Task] = {}
    for task in tasks:
        other = by_target.setdefault(task.target, task)
        if other is not task:
            raise BadInputError(f"{other.name} and {task.name} would both become {task.target}: paint them one by one")


def _apart_from_originals(tasks: list[Task]) -> list[Task]:
    """Refuse to paint over what is to be painted, even where --force allows to overwrite."""
    originals = {task.source.resolve() for task in tasks if task.source is not None}
    for task in tasks:
        if task.target is not None and task.target.resolve() in originals:
            raise BadInputError(f"{task.target}: the output would overwrite the input: give it another name or folder")
    return tasks
