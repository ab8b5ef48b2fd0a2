"""Picture files of every kind, made in memory."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from engines.contract import Picture

__all__ = ["claims_to_be", "encoded", "gradient", "swapped_profile"]


def gradient(width: int = 40, height: int = 30) -> Picture:
    """Red grows to the right, green downwards; blue is 60. No two corners are alike."""
    pixels = np.full((height, width, 3), 60, np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width).astype(np.uint8)
    pixels[..., 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    return pixels


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def swapped_profile() -> bytes:
    """An ICC profile that is sRGB with red and blue exchanged: whoever uses it sees it."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = struct.unpack(">I", profile[128:132])[0]
    table = {profile[at : at + 4]: at for at in range(132, 132 + 12 * count, 12)}
    content = bytearray(profile.replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be")))
    red, blue = table[b"rXYZ"], table[b"bXYZ"]
    content[red + 4 : red + 12], content[blue + 4 : blue + 12] = (
        profile[blue + 4 : blue + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(content)


def claims_to_be(width: int, height: int) -> bytes:
    """A PNG of some bytes whose header promises any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
