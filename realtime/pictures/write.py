"""Which picture goes where, and how it is written there: formats, and the contents of their files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engines.errors import BadInputError, OutputError
from engines.names import nearest
from realtime.pictures.read import Photo

__all__ = [
    "FORMATS",
    "PictureTask",
    "bytes_from_photo",
    "check_quality",
    "check_sides",
    "format_of",
    "left_out",
    "parse_format",
    "plan_pictures",
]

FORMATS = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "webp": (".webp",),
}
"""Name by which a format is asked for: the file name endings that mean it, the usual one first."""

_STANDARD = "-"
"""What a user types for stdin and stdout."""

_PICTURE_ENDINGS = frozenset(
    [ending for endings in FORMATS.values() for ending in endings]
    + [".avif", ".bmp", ".gif", ".jp2", ".pbm", ".pgm", ".pnm", ".ppm", ".tga", ".tif", ".tiff"]
)
"""Which files of a folder are taken. A file that is named by itself is read whatever its ending."""

_FALLBACK = "png"
"""For kinds of files that can be read and not written: lossless, with transparency."""

_QUALITY = {"jpeg": 92, "webp": 90}
_LONGEST_SIDE = {"jpeg": 65535, "webp": 16383}
_LONGEST_JPEG_EXIF = 65533
"""Bytes: one JPEG segment."""
_FULL_COLOUR_FROM = 90
"""The JPEG quality from which colours are kept for each pixel: painted edges are edges in colour."""


def parse_format(text: str) -> str:
    """A key of FORMATS. Raises BadInputError."""
    name = text.lower().removeprefix(".")
    name = "jpeg" if name == "jpg" else name
    if name not in FORMATS:
        raise BadInputError(f"no picture format is called {text!r}{nearest(name, FORMATS)}")
    return name


def format_of(path: Path) -> str | None:
    """The format that a file name asks for; None for an ending that is not in FORMATS."""
    return next((name for name, endings in FORMATS.items() if path.suffix.lower() in endings), None)


def check_quality(quality: int | None) -> None:
    """Raises BadInputError."""
    if quality is not None and not 1 <= quality <= 100:
        raise BadInputError(f"quality is 1 to 100, got {quality}")


def check_sides(size: tuple[int, int], file_format: str, *, name: str) -> None:
    """Raise OutputError for a (width, height) that the format cannot hold; `name` stands in the error."""
    longest = _LONGEST_SIDE.get(file_format)
    if longest is not None and max(size) > longest:
        raise OutputError(
            f"{name}: {file_format} has at most {longest} pixels a side, the result has {size[0]}x{size[1]}",
            hint="write a .png, or make it smaller with `size`",
        )


def left_out(photo: Photo, file_format: str) -> list[str]:
    """What `bytes_from_photo` cannot keep, a line each."""
    lines = []
    if photo.alpha is not None and file_format == "jpeg":
        lines.append("jpeg knows no transparency, the picture is put on white")
    if not _exif_fits(photo, file_format):
        lines.append("the EXIF data is too long for jpeg and not kept")
    return lines


def bytes_from_photo(photo: Photo, file_format: str, *, quality: int | None = None, name: str = "picture") -> bytes:
    """The content of a picture file. JPEG knows no transparency: the photo is put on white.

    quality: 1 to 100 for JPEG (92) and WebP (90), not used for PNG. `name` stands in errors. Raises OutputError.
    """
    check_sides(photo.size, file_format, name=name)
    options: dict[str, Any] = {}
    if photo.exif and _exif_fits(photo, file_format):
        options["exif"] = photo.exif
    if photo.profile:
        options["icc_profile"] = photo.profile
    if file_format in _QUALITY:
        options["quality"] = quality or _QUALITY[file_format]
    if file_format == "jpeg" and options["quality"] >= _FULL_COLOUR_FROM:
        options["subsampling"] = "4:4:4"
    out = io.BytesIO()
    try:
        _image(photo, with_alpha=file_format != "jpeg").save(out, file_format.upper(), **options)
    except (OSError, ValueError) as error:
        raise OutputError(f"{name}: cannot be written as {file_format}: {error}") from error
    return out.getvalue()


def _exif_fits(photo: Photo, file_format: str) -> bool:
    return file_format != "jpeg" or len(photo.exif or b"") <= _LONGEST_JPEG_EXIF


def _image(photo: Photo, *, with_alpha: bool) -> Image.Image:
    if photo.alpha is None:
        return Image.fromarray(photo.pixels)
    if with_alpha:
        return Image.fromarray(np.dstack([photo.pixels, photo.alpha]))
    white = Image.new("RGB", photo.size, "white")
    white.paste(Image.fromarray(photo.pixels), mask=Image.fromarray(photo.alpha))
    return white


@dataclass(frozen=True, kw_only=True)
class PictureTask:
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


def plan_pictures(
    inputs: Sequence[str], out: str, *, recursive: bool = False, file_format: str | None = None
) -> list[PictureTask]:
    """Which picture goes where: a file or stdin to a file or stdout; files and folders into a folder.

    Names are kept, and with `recursive` the folders within folders; only the ending changes, for a `file_format`, or
    where a kind of file cannot be written (PNG is written then). Raises BadInputError.
    """
    if out == _STANDARD and (len(inputs) > 1 or Path(inputs[0]).is_dir()):
        raise BadInputError("only one picture can be written to stdout: name a folder for OUT")
    if out == _STANDARD:
        return [PictureTask(source=_source(inputs[0]), target=None, file_format=file_format or _FALLBACK)]
    single = len(inputs) == 1 and not Path(inputs[0]).is_dir()
    if single and not Path(out).is_dir() and not out.endswith(("/", "\\")):
        target = Path(out)
        task = PictureTask(source=_source(inputs[0]), target=target, file_format=_format_to_write(target, file_format))
        return _apart_from_originals([task])
    tasks = list(_into_folder(inputs, Path(out), recursive, file_format))
    _check_apart(tasks)
    return _apart_from_originals(tasks)


def _source(text: str) -> Path | None:
    return None if text == _STANDARD else Path(text)


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


def _into_folder(inputs: Sequence[str], out: Path, recursive: bool, wanted: str | None) -> Iterator[PictureTask]:
    if out.exists() and not out.is_dir():
        raise BadInputError(f"{out}: is a file: several pictures go into a folder")
    if not out.exists() and format_of(out) is not None:
        raise BadInputError(f"{out}: looks like a file: several pictures go into a folder, make it first if it is one")
    for text in inputs:
        path = Path(text)
        if text == _STANDARD:
            raise BadInputError("a picture from stdin has no name: write it to a file, not into a folder")
        if path.is_dir():
            for found in _pictures_in(path, out, recursive):
                yield _task(found, out / found.relative_to(path), wanted)
        else:
            yield _task(path, out / path.name, wanted)


def _task(source: Path, target: Path, wanted: str | None) -> PictureTask:
    named = format_of(target)
    chosen = wanted or named or _FALLBACK
    if chosen != named:
        target = target.with_suffix(FORMATS[chosen][0])
    return PictureTask(source=source, target=target, file_format=chosen)


def _pictures_in(folder: Path, out: Path, recursive: bool) -> list[Path]:
    """The pictures of a folder by name, without hidden ones, and without those in `out` from the last time."""
    inside_out = out.resolve()
    apart = folder.resolve() != inside_out
    found = [
        path
        for path in sorted(folder.rglob("*") if recursive else folder.iterdir())
        if path.suffix.lower() in _PICTURE_ENDINGS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not (apart and inside_out in path.resolve().parents)
    ]
    if not found:
        hint = "" if recursive else "`recursive` looks into folders within it"
        raise BadInputError(f"{folder}: no pictures in this folder", hint=hint)
    return found


def _check_apart(tasks: list[PictureTask]) -> None:
    by_target: dict[Path | None, PictureTask] = {}
    for task in tasks:
        other = by_target.setdefault(task.target, task)
        if other is not task:
            raise BadInputError(f"{other.name} and {task.name} would both become {task.target}: paint them one by one")


def _apart_from_originals(tasks: list[PictureTask]) -> list[PictureTask]:
    """Refuse to paint over what is to be painted, even where `overwrite` is given."""
    originals = {task.source.resolve() for task in tasks if task.source is not None}
    for task in tasks:
        if task.target is not None and task.target.resolve() in originals:
            raise BadInputError(f"{task.target}: the output would overwrite the input: give it another name or folder")
    return tasks
