from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from realtime.pictures.read import Photo, photo_from_bytes
from realtime.pictures.write import FORMATS, bytes_from_photo, format_of, left_out, parse_format

from engines.errors import BadInputError, OutputError
from tests.realtime.pictures.files import gradient


def _exif(length: int = 5) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "x" * length
    return exif.tobytes()


@pytest.mark.parametrize("file_format", FORMATS)
def test_pixels_and_exif_survive(file_format: str) -> None:
    photo = Photo(pixels=gradient(), exif=_exif())
    again = photo_from_bytes(bytes_from_photo(photo, file_format), file_format)
    assert np.abs(again.pixels.astype(int) - photo.pixels).mean() < (0.01 if file_format == "png" else 4)
    kept = Image.Exif()
    kept.load(again.exif or b"")
    assert kept[0x010F] == "xxxxx"


@pytest.mark.parametrize("file_format", ["png", "webp"])
def test_alpha_survives(file_format: str) -> None:
    alpha = np.tile(np.linspace(1, 255, 40).astype(np.uint8), (30, 1))
    again = photo_from_bytes(bytes_from_photo(Photo(pixels=gradient(), alpha=alpha), file_format), file_format)
    assert again.alpha is not None
    assert np.array_equal(again.alpha, alpha)


def test_jpeg_puts_transparency_on_white_and_says_so() -> None:
    photo = Photo(pixels=np.zeros((16, 16, 3), np.uint8), alpha=np.zeros((16, 16), np.uint8))
    assert (photo_from_bytes(bytes_from_photo(photo, "jpeg"), "white").pixels == 255).all()
    assert "white" in left_out(photo, "jpeg")[0]
    assert left_out(photo, "png") == []


def test_a_lower_quality_is_a_smaller_file() -> None:
    photo = Photo(pixels=np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    for file_format in ("jpeg", "webp"):
        sizes = [len(bytes_from_photo(photo, file_format, quality=quality)) for quality in (20, 60, 100)]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[2] / 2


def test_exif_that_jpeg_cannot_hold_is_left_out_with_a_notice() -> None:
    photo = Photo(pixels=gradient(), exif=_exif(70_000))
    assert photo_from_bytes(bytes_from_photo(photo, "jpeg"), "long").exif is None
    assert "EXIF" in left_out(photo, "jpeg")[0]
    assert photo_from_bytes(bytes_from_photo(photo, "png"), "long").exif is not None


def test_a_side_that_a_format_cannot_hold_is_refused() -> None:
    photo = Photo(pixels=np.zeros((1, 16384, 3), np.uint8))
    with pytest.raises(OutputError, match="webp has at most 16383 pixels a side, the result has 16384x1"):
        bytes_from_photo(photo, "webp")


def test_formats_have_names_and_endings() -> None:
    assert [parse_format(text) for text in ("JPG", "jpeg", ".png", "webp")] == ["jpeg", "jpeg", "png", "webp"]
    assert format_of(Path("a/B.JPG")) == "jpeg"
    assert format_of(Path("a.gif")) is None
    with pytest.raises(BadInputError, match="did you mean webp"):
        parse_format("webpp")
