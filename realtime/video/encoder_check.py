"""Which encoders work here: those for hardware are opened once, for being in FFmpeg says nothing of the hardware."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from engines.errors import OutputError
from realtime.video.colour import BT709, Colour
from realtime.video.encoders import CODECS, Encoder, choose_encoder
from realtime.video.writer import VideoWriter

__all__ = ["EncoderReport", "encoder_reports"]

_SIDE = 256
"""Of the trial picture: hardware refuses much smaller ones."""


@dataclass(frozen=True, kw_only=True)
class EncoderReport:
    """Whether an encoder can be used here, and why."""

    name: str
    family: str
    """The codec: h264, hevc, av1, vp9."""
    device: str | None
    """The hardware that it needs, in words; None for one that runs on the CPU."""
    usable: bool
    text: str
    """Why it cannot be used; empty where it can."""


def encoder_reports() -> list[EncoderReport]:
    """One for each encoder that `rtstyle video` knows, those of the CPU first."""
    return [_report(encoder) for name, encoder in CODECS.items() if name == encoder.name]


def _report(encoder: Encoder) -> EncoderReport:
    text = ""
    try:
        choose_encoder(encoder.name, "matroska")
        if encoder.device is not None:
            with tempfile.TemporaryDirectory() as folder:
                _try(encoder, Path(folder) / "trial.mkv")
    except OutputError as error:
        text = str(error)
    return EncoderReport(name=encoder.name, family=encoder.family, device=encoder.device, usable=not text, text=text)


def _try(encoder: Encoder, target: Path) -> None:
    """Encode one picture, as `rtstyle video` does. Raises OutputError."""
    os.environ.setdefault("LIBVA_MESSAGING_LEVEL", "0")  # VA-API's library talks on stderr otherwise
    writer = VideoWriter(
        target,
        encoder=encoder,
        options=encoder.options(None, None),
        size=(_SIDE, _SIDE),
        pixel_format=encoder.pixel_formats[0],
        colour=Colour(matrix=BT709, full_range=False),
        time_base=Fraction(1, 25),
        rate=Fraction(25),
        sample_aspect_ratio=Fraction(1),
    )
    with writer:
        try:
            writer.begin()
            writer.write(np.zeros((_SIDE, _SIDE, 3), np.uint8), pts=0, duration=1)
            writer.finish()
        except OutputError as error:
            reason = str(error).removeprefix(f"{target}: cannot be written: ")
            raise OutputError(f"{encoder.name} can be opened here, but encodes nothing: {reason}") from error
