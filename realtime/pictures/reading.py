"""Reading picture files: upright, in sRGB, or with one line on why not."""

from __future__ import annotations

import io
import mimetypes
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from engines.atomic import read_whole
from engines.errors import BadInputError
from realtime.pictures.read import Photo, rgb_and_alpha, srgb_profile

__all__ = ["LARGEST_FILE", "MOST_PIXELS", "photo_from_bytes", "read_photo"]

LARGEST_FILE = 2**30
"""Bytes."""
MOST_PIXELS = 500_000_000
"""A file of some kilobytes can claim any size; what is read takes 7 bytes a pixel."""

_ORIENTATION = 0x0112
_EXIF_FOLDER = 0x8769
_ABOUT_THE_PIXELS = (0xA001, 0xA002, 0xA003, 0xA005)
"""Colour space, width, height, colour space again: the new file says its own."""
_ABOUT_THE_FILE = frozenset(
    tag
    for first, last in (
        (0x00FE, 0x010C),
        (0x0111, 0x0112),
        (0x0115, 0x0119),
        (0x011C, 0x011C),
        (0x013D, 0x015B),
        (0x0200, 0x0214),
        (0x02BC, 0x02BC),
        (0x8649, 0x8649),
        (0x8773, 0x8773),
    )
    for tag in range(first, last + 1)
)
"""TIFF tags on how the old file holds its pixels, the orientation, XMP and ICC profile: wrong in the new one."""

_pixel_limit = threading.Lock()
"""Guards Pillow's own limit, which is one for the whole process."""


def read_photo(path: Path) -> Photo:
    """Read a picture file of any kind that Pillow knows. Raises BadInputError with what is wrong with it."""
    return photo_from_bytes(read_whole(path, largest=LARGEST_FILE), str(path))


def photo_from_bytes(content: bytes, name: str) -> Photo:
    """Read a picture from memory; `name` stands in errors. Raises BadInputError."""
    if not content:
        raise BadInputError(f"{name}: expected a picture, the file is empty")
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with _opened(content) as image:
                return _photo_from_image(image, said)
    except BadInputError as error:
        raise BadInputError(f"{name}: {error}") from error
    except UnidentifiedImageError as error:
        kind = mimetypes.guess_type(name)[0] or ""
        cure = "; rtstyle video paints videos" if kind.startswith("video/") else ""
        raise BadInputError(f"{name}: expected a picture, this is no kind of picture that can be read{cure}") from error
    except Image.DecompressionBombError as error:
        raise BadInputError(
            f"{name}: claims to have more than {MOST_PIXELS // 1_000_000} million pixels: cut or shrink it first"
        ) from error
    except MemoryError as error:
        raise BadInputError(f"{name}: does not fit into memory: shrink it first") from error
    except Exception as error:  # decoders meet damaged files with errors of every kind
        raise BadInputError(f"{name}: a broken picture: {error}") from error


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    with _pixel_limit:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2  # Pillow warns above this and refuses above its double
        try:
            image = Image.open(io.BytesIO(content))
        finally:
            Image.MAX_IMAGE_PIXELS = before
    with image:
        yield image


def _photo_from_image(image: Image.Image, said: list[warnings.WarningMessage]) -> Photo:
    image.load()
    notices = []
    if getattr(image, "is_animated", False) and image.format != "MPO":  # MPO: a photo and its previews
        notices.append("holds several pictures, only the first one is painted")
    exif, orientation = _exif(image, notices)
    profile = srgb_profile() if image.info.get("icc_profile") else None
    pixels, alpha, more = rgb_and_alpha(image)
    notices += more
    notices += [str(w.message) for w in said if not issubclass(w.category, Image.DecompressionBombWarning)]
    return Photo(
        pixels=_upright(pixels, orientation),
        alpha=None if alpha is None else _upright(alpha, orientation),
        exif=exif,
        profile=profile,
        notices=tuple(notices),
    )


def _exif(image: Image.Image, notices: list[str]) -> tuple[bytes | None, int]:
    """What the camera wrote, as far as it is true of the new file too, and the orientation (1 to 8)."""
    orientation = 1
    try:
        exif = image.getexif()
        orientation = int(exif.get(_ORIENTATION, 1))
        for tag in _ABOUT_THE_FILE.intersection(exif):
            del exif[tag]
        for tag in _ABOUT_THE_PIXELS if _EXIF_FOLDER in exif else ():
            exif.get_ifd(_EXIF_FOLDER).pop(tag, None)
        return (exif.tobytes() if len(exif) else None), orientation
    except Exception as error:  # as above: cameras and editors write damaged EXIF, and that is no reason to stop
        notices.append(f"the EXIF data is damaged and not kept: {error}")
        return None, orientation


def _upright(values: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn `(h, w, ...)` as the EXIF orientation says; numbers that do not exist turn nothing."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return np.ascontiguousarray(values)
