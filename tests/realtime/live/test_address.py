from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from realtime.live.address import public_name, source_kind


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("0", "device"),
        ("12", "device"),
        ("/dev/video0", "device"),
        ("/dev/v4l/by-id/usb-cam", "device"),
        ("http://cam/x.mjpg", "stream"),
        ("rtsp://user:pw@cam:554/h264", "stream"),
        ("test-pattern", "pattern"),
        ("clip.mp4", "file"),
        ("C:\\clips\\a.mp4", "file"),
        ("²", "file"),
    ],
)
def test_a_text_means_a_device_a_stream_a_pattern_or_a_file(source: str, kind: str) -> None:
    assert source_kind(source) == kind


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://user:pw@cam:554/h264", "rtsp://cam:554/h264"),
        ("http://cam/video?user=admin&pwd=geheim", "http://cam/video"),
        ("http://cam/video#geheim", "http://cam/video"),
        ("http://cam/x?mail=a@b&pw=geheim", "http://..."),
        ("clip.mp4", "clip.mp4"),
        ("/dev/video0", "/dev/video0"),
    ],
)
def test_a_name_leaves_out_what_could_be_secret(source: str, shown: str) -> None:
    assert public_name(source) == shown


_ANY = st.text(min_size=1, max_size=12)


@given(user=_ANY, phrase=_ANY, query=_ANY)
@example(user="me", phrase="p@/?#ss", query="k=@")
@example(user="me", phrase="/", query="@/")
def test_no_password_is_ever_shown_whatever_its_characters(user: str, phrase: str, query: str) -> None:
    """The secrets are marked with a letter that stands nowhere else, and looked for by it."""
    source = f"rtsp://{user}:\u2020{phrase}\u2020@cam/h264?key=\u2021{query}\u2021"
    if "\u2020" in user + phrase + query or "\u2021" in user + phrase + query:
        return
    assert not {"\u2020", "\u2021"} & set(public_name(source))
