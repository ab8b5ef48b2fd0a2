"""Reading picture files: upright, in 8-bit sRGB, with what belongs to them; or one line on why that fails."""

from __future__ import annotations

import io
import mimetypes
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from engines.atomic import read_whole
from engines.contract import Picture
from engines.errors import BadInputError

__all__ = ["LARGEST_FILE", "MOST_PIXELS", "Photo", "photo_from_bytes", "read_photo"]

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

_SMALL = 512
"""Pixels of the longer side of the copy on which the colours behind what is transparent are made up."""

_GREY_16_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_PROFILE_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}
"""The mode that a picture must have, by the colour space of its ICC profile."""

_pixel_limit = threading.Lock()
"""Guards Pillow's own limit, which is one for the whole process."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """A picture that stands upright, in sRGB."""

    pixels: Picture
    """uint8 `(h, w, 3)` RGB."""
    alpha: NDArray[np.uint8] | None = None
    """uint8 `(h, w)`, 0 is transparent; None: the picture has no transparency."""
    exif: bytes | None = field(default=None, repr=False)
    """What the camera wrote, without the orientation: it has been applied."""
    profile: bytes | None = field(default=None, repr=False)
    """The ICC profile that says sRGB, where the file had any profile."""
    notices: tuple[str, ...] = ()
    """What was changed or left out on the way, a line each."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self.pixels.shape[1], self.pixels.shape[0]

    def resized(self, size: tuple[int, int]) -> Photo:
        """The photo scaled to (width, height), alpha too."""
        if size == self.size:
            return self
        return replace(
            self,
            pixels=_resized(self.pixels, size),
            alpha=None if self.alpha is None else _resized(self.alpha, size),
        )

    def painted(self, pixels: Picture) -> Photo:
        """The photo with other pixels; the alpha channel is scaled to their size."""
        size = (pixels.shape[1], pixels.shape[0])
        alpha = None if self.alpha is None else _resized(self.alpha, size)
        return replace(self, pixels=pixels, alpha=alpha)

    def without_holes(self) -> Photo:
        """The photo with the colours of what can be seen carried on into what is fully transparent.

        Files hold anything there, mostly black. It would bleed into the painting at the edges, and into the
        statistics of the whole.
        """
        if self.alpha is None or self.alpha.all() or not self.alpha.any():
            return self
        seen = self.alpha > 0
        around = _carried_on(self.pixels * seen[..., None], seen)
        return replace(self, pixels=np.where(seen[..., None], self.pixels, around))


def _resized(values: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if size == (values.shape[1], values.shape[0]):
        return values
    smaller = size[0] < values.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(values, size, interpolation=method), np.uint8)


def _carried_on(pixels: Picture, seen: NDArray[np.bool_]) -> Picture:
    """Smooth colours for a picture with holes, uint8 `(h, w, 3)`: pull and push (Gortler et al. 1996, section 3.4).

    pixels: uint8 `(h, w, 3)`, black in the holes. The work is done on a small copy: holes need no detail.
    """
    height, width = seen.shape
    factor = min(1.0, _SMALL / max(height, width))
    small = (max(1, round(width * factor)), max(1, round(height * factor)))
    colour = np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.float32)
    weight = cv2.resize(seen.astype(np.float32), small, interpolation=cv2.INTER_AREA)[..., None]
    levels = [(colour, weight)]
    while max(levels[-1][0].shape[:2]) > 1:
        colour, weight = levels[-1]
        half = (-(-colour.shape[1] // 2), -(-colour.shape[0] // 2))
        levels.append((_scaled(colour, half, cv2.INTER_AREA), _scaled(weight, half, cv2.INTER_AREA)))
    colour, weight = levels.pop()
    filled = colour / np.maximum(weight, 1e-9)
    for colour, weight in reversed(levels):  # colours are multiplied by their weights already
        behind = _scaled(filled, (colour.shape[1], colour.shape[0]), cv2.INTER_LINEAR)
        filled = colour + (1 - weight) * behind
    return np.asarray(cv2.resize(filled.clip(0, 255).astype(np.uint8), (width, height)), np.uint8)


def _scaled(values: NDArray[Any], size: tuple[int, int], method: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(values, size, interpolation=method), np.float32).reshape(size[1], size[0], -1)


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
    profile = _srgb_profile() if image.info.get("icc_profile") else None
    pixels, alpha, more = _rgb_and_alpha(image)
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


def _rgb_and_alpha(image: Image.Image) -> tuple[Picture, NDArray[np.uint8] | None, list[str]]:
    """uint8 `(h, w, 3)` sRGB, uint8 `(h, w)` or None, and notices.

    Pixels are converted by the file's ICC profile and not left as they are with the profile kept: a style's colours
    are sRGB colours, in a wider space the painting would come out too strong. Raises BadInputError.
    """
    notices: list[str] = []
    profile = image.info.get("icc_profile")
    if image.mode in _GREY_16_BITS:
        deep = np.asarray(image).clip(0, 65535).astype(np.uint32)
        image = Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8))
    elif image.mode == "F":
        raise BadInputError("expected 8 or 16 bits a channel, got floating point numbers: convert it first")
    alpha = None
    if image.has_transparency_data or image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode in ("LA", "La") else "RGBA")
        alpha = np.array(image.getchannel("A"))
        image = image.convert("L" if image.mode == "LA" else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("CMYK", "L", "LAB", "RGB"):
        image = image.convert("RGB")
    return np.array(_in_srgb(image, profile, notices)), alpha, notices


def _srgb_profile() -> bytes:
    """The ICC profile of sRGB, about 600 bytes."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _in_srgb(image: Image.Image, profile: bytes | None, notices: list[str]) -> Image.Image:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if _says_srgb(source):
                return image.convert("RGB")
            mode = _PROFILE_MODES.get(source.profile.xcolor_space)
            if mode == image.mode:
                return _converted(image, source)
            notices.append(
                f"the colour profile is for {mode or 'another kind of picture'}, not for {image.mode}: not used"
            )
        except (ImageCms.PyCMSError, OSError) as error:
            notices.append(f"the colour profile is damaged and not used: {error}")
    if image.mode == "LAB":
        return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    return image.convert("RGB")


def _says_srgb(source: ImageCms.ImageCmsProfile) -> bool:
    return source.profile.xcolor_space == "RGB " and "srgb" in (source.profile.profile_description or "").lower()


def _converted(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image,
        source,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # None is for conversions in place only
    return converted
