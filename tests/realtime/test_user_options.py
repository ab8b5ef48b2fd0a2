from __future__ import annotations

from dataclasses import fields

import pytest

from engines.errors import BadInputError
from realtime.user_options import LARGEST_SIDE, StyleOptions, check_frame_size, parse_size, style_options


@pytest.mark.parametrize(("text", "size"), [("640x480", (640, 480)), (" 1280X720 ", (1280, 720))])
def test_sizes_are_read(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "640", "640x", "x480", "640x480x3", "640x360x2", "-640x480", "6.5x3", "a x b", "\u00b2x3", "x360", "-640x360"],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="WIDTHxHEIGHT"):
        parse_size(text)


def test_frames_are_neither_too_small_nor_too_large() -> None:
    check_frame_size((16, LARGEST_SIDE))
    for size in ((15, 100), (100, LARGEST_SIDE + 1)):
        with pytest.raises(BadInputError, match=f"16x16 to {LARGEST_SIDE}x{LARGEST_SIDE} pixels, got"):
            check_frame_size(size)


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_a_strength_outside_0_to_1_is_refused(strength: float) -> None:
    with pytest.raises(BadInputError, match="strength is 0 to 1"):
        StyleOptions(strength=strength)


def test_every_style_option_has_a_help_text_and_a_default() -> None:
    StyleOptions()
    assert all(field.metadata["help"] for field in fields(StyleOptions))


def test_style_options_are_taken_whole_or_made_of_their_parts_but_not_both() -> None:
    whole = StyleOptions(style="udnie", strength=0.5)
    assert style_options("udnie", strength=0.5) == whole
    assert style_options(whole, net="auto", strength=1.0, sr=None) is whole
    with pytest.raises(BadInputError, match="`strength` is given beside StyleOptions"):
        style_options(whole, strength=0.5)
