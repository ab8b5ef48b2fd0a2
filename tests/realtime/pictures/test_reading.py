from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
from realtime.pictures.read import photo_from_bytes, read_photo

from engines.errors import BadInputError
from tests.realtime.pictures.files import claims_to_be, encoded, gradient, swapped_profile


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_stands_upright_and_says_so(orientation: int) -> None:
    image, exif = Image.fromarray(gradient()), Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "A camera"
    content = encoded(image, "PNG", exif=exif)
    photo = photo_from_bytes(content, "turned")
    assert np.array_equal(photo.pixels, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content)))))
    kept = Image.Exif()
    kept.load(photo.exif or b"")
    assert dict(kept) == {0x010F: "A camera"}


def test_alpha_is_turned_with_the_picture() -> None:
    image, exif = Image.fromarray(gradient(4, 3)), Image.Exif()
    alpha = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    image.putalpha(Image.fromarray(alpha))
    exif[0x0112] = 6
    photo = photo_from_bytes(encoded(image, "PNG", exif=exif), "turned")
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, np.rot90(alpha, -1))
    assert photo.size == (3, 4)


def test_exif_keeps_what_the_camera_wrote_and_drops_what_is_no_longer_true() -> None:
    exif = Image.Exif()
    exif[0x0132] = "2024:05:06 07:08:09"
    exif[0x0100] = 9999  # width, as TIFF files have it
    exif[0x8769] = {0xA002: 9999, 0xA003: 9999, 0xA001: 0xFFFF, 0x829A: 0.01}
    exif[0x8825] = {1: "N"}
    photo = photo_from_bytes(encoded(Image.fromarray(gradient()), "JPEG", exif=exif), "dated")
    kept = Image.Exif()
    kept.load(photo.exif or b"")
    assert kept[0x0132] == "2024:05:06 07:08:09"
    assert 0x0100 not in kept
    assert dict(kept.get_ifd(0x8769)) == {0x829A: 0.01}
    assert dict(kept.get_ifd(0x8825)) == {1: "N"}


def test_damaged_exif_is_left_out_with_a_notice() -> None:
    content = encoded(Image.fromarray(gradient()), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\xff" + b"\xee" * 40)
    photo = photo_from_bytes(content, "damaged")
    assert photo.size == (40, 30)
    assert photo.notices


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "LAB", "I;16"])
def test_every_kind_of_pixel_becomes_rgb(mode: str) -> None:
    grey = np.tile(np.array([[0, 255]], np.uint8), (20, 10))
    deep = mode == "I;16"
    image = Image.fromarray(grey.astype(np.uint16) * 257) if deep else Image.fromarray(grey)
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(image.convert("RGB"), srgb, lab, outputMode="LAB")
        assert converted is not None
        image = converted
    elif not deep:
        image = (image if mode in ("1", "L", "LA", "P") else image.convert("RGB")).convert(mode)
    file_format = "PNG" if mode in ("1", "L", "P", "RGB", "RGBA", "LA", "I;16") else "TIFF"
    photo = photo_from_bytes(encoded(image, file_format), mode)
    assert photo.pixels.dtype == np.uint8
    assert np.abs(photo.pixels.astype(int) - grey[..., None]).max() <= 1
    assert (photo.alpha is not None) is (mode in ("RGBA", "LA"))


def test_16_bit_colour_keeps_its_upper_8_bits() -> None:
    pixels = gradient()
    content = cv2.imencode(".png", pixels[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    assert np.abs(photo_from_bytes(content, "deep").pixels.astype(int) - pixels).max() <= 1


def test_a_palette_with_a_transparent_colour_has_alpha() -> None:
    image = Image.fromarray(np.repeat(np.array([[0, 1]], np.uint8), 20, 0))
    image = image.convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0])
    photo = photo_from_bytes(encoded(image, "PNG", transparency=1), "palette")
    assert photo.alpha is not None
    assert photo.alpha[0].tolist() == [255, 0]
    assert photo.pixels[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_colours_are_converted_by_the_profile_of_the_file(file_format: str) -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[...] = (200, 100, 20)
    options = {"lossless": True} if file_format == "WEBP" else {"quality": 100} if file_format == "JPEG" else {}
    content = encoded(Image.fromarray(pixels), file_format, icc_profile=swapped_profile(), **options)
    photo = photo_from_bytes(content, "profile")
    assert photo.notices == ()
    assert np.abs(photo.pixels.astype(int) - [20, 100, 200]).max() <= 3
    assert photo.profile is not None
    assert b"s\0R\0G\0B" in photo.profile


def test_a_profile_of_another_kind_of_picture_is_not_used_and_said() -> None:
    content = encoded(Image.fromarray(gradient()).convert("L"), "PNG", icc_profile=swapped_profile())
    photo = photo_from_bytes(content, "grey")
    assert photo.notices == ("the colour profile is for RGB, not for L: not used",)


def test_an_animation_gives_its_first_picture_and_says_so() -> None:
    first, second = Image.new("RGB", (20, 20), "red"), Image.new("RGB", (20, 20), "blue")
    photo = photo_from_bytes(encoded(first, "GIF", save_all=True, append_images=[second]), "moving")
    assert photo.pixels[5, 5].tolist() == pytest.approx([255, 0, 0], abs=2)
    assert "only the first" in photo.notices[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"not a picture" * 100, "no kind of picture"),
        (encoded(Image.fromarray(gradient(300, 200)), "JPEG")[:2000], "broken"),
        (encoded(Image.fromarray(gradient(300, 200)), "PNG")[:300], "broken"),
        (claims_to_be(60000, 60000), "more than 500 million pixels"),
        (encoded(Image.fromarray(np.zeros((20, 20), np.float32)), "TIFF"), "floating point"),
    ],
    ids=["empty", "text", "cut jpeg", "cut png", "bomb", "float"],
)
def test_what_is_no_good_picture_is_refused_in_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(BadInputError, match=reason) as caught:
        read_photo(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_what_is_not_there_and_what_is_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.png"):
        with pytest.raises(BadInputError, match=str(path)):
            read_photo(path)


def test_a_video_in_place_of_a_picture_is_sent_to_the_right_command() -> None:
    with pytest.raises(BadInputError, match="rtstyle video paints videos"):
        photo_from_bytes(b"\x1aE\xdf\xa3" * 100, "clip.mkv")
