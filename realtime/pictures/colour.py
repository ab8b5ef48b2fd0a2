"""From whatever a picture file holds to sRGB with 8 bits a channel, which is what the nets were trained on."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from engines.contract import Picture
from engines.errors import BadInputError

__all__ = ["rgb_and_alpha", "srgb_profile"]

_GREY_16_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_PROFILE_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}
"""The mode that a picture must have, by the colour space of its ICC profile."""


def rgb_and_alpha(image: Image.Image) -> tuple[Picture, NDArray[np.uint8] | None, list[str]]:
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


def srgb_profile() -> bytes:
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
