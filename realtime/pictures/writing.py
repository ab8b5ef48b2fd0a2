"""Writing picture files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engines.errors import BadInputError, OutputError
from engines.names import nearest
from realtime.pictures.read import Photo

__all__ = ["FORMATS", "bytes_from_photo", "check_quality", "check_sides", "format_of", "left_out", "parse_format"]

FORMATS = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "webp": (".webp",),
}
"""Name by which a format is asked for: the file name endings that mean it, the usual one first."""

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
