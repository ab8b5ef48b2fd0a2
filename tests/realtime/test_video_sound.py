"""Sound comes along bit for bit where the file takes it, and re-encoded in step where not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.conftest import shared
from tests.realtime.video.clips import Clip, packets, pictures, run, scene, together, tone, write_clip


def _scenes(count: int) -> list[Any]:
    return [scene(index) for index in range(count)]


def _codecs(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [s.codec_context.codec.canonical_name for s in container.streams if s.codec_context is not None]


@pytest.mark.parametrize(
    ("codec", "source_ending", "ending"),
    [
        ("aac", ".mp4", ".mp4"),
        ("aac", ".mp4", ".mkv"),
        ("mp3", ".mkv", ".mp4"),
        ("libopus", ".mkv", ".webm"),
        ("flac", ".mkv", ".mp4"),
    ],
)
def test_sound_is_copied_bit_for_bit_where_the_file_takes_it(
    tmp_path: Path, codec: str, source_ending: str, ending: str
) -> None:
    rate = 48000 if codec == "libopus" else 44100
    clip = Clip(pictures=_scenes(30), beside=tone(codec=codec, rate=rate, language="deu"))
    source = write_clip(tmp_path / f"in{source_ending}", clip)
    summary = run(source, tmp_path / f"out{ending}")
    assert summary.notices == ()
    assert packets(tmp_path / f"out{ending}", "audio") == packets(source, "audio")
    with av.open(str(tmp_path / f"out{ending}")) as container:
        assert container.streams.audio[0].metadata["language"] == "deu"


@pytest.mark.parametrize("name", ["friday.mp4", "chaplin.mp4", "pancake.mkv"])
def test_the_sound_of_real_clips_is_copied_in_step(tmp_path: Path, name: str) -> None:
    source = shared(f"video/{name}")
    run(source, tmp_path / "out.mp4")
    assert packets(tmp_path / "out.mp4", "audio") == packets(source, "audio")
    assert _heard(tmp_path / "out.mp4") == _heard(source)


def _heard(path: Path) -> list[Fraction]:
    """When the first sounds are heard."""
    with av.open(str(path)) as container:
        return [f.pts * f.time_base for f, _ in zip(container.decode(audio=0), range(20), strict=False)]


def test_sound_that_the_file_cannot_hold_is_re_encoded_in_step_with_a_notice(tmp_path: Path) -> None:
    source = shared("video/tos-battle.webm")
    summary = run(source, tmp_path / "out.mp4", end_s=Fraction(2))
    assert summary.notices == ("sound (stream 1) is re-encoded from vorbis to aac",)
    before, after = _samples(source, 2), _samples(tmp_path / "out.mp4", 2)
    length = min(len(before), len(after))
    assert length > 1.9 * 44100
    # the lag at which both waves agree best, in samples
    spectrum = np.fft.rfft(before[:length]) * np.conj(np.fft.rfft(after[:length]))
    lag = int(np.argmax(np.fft.irfft(spectrum)))
    assert min(lag, length - lag) < 0.005 * 44100
    assert np.corrcoef(before[2000 : length - 2000], np.roll(after, lag)[2000 : length - 2000])[0, 1] > 0.95


def _samples(path: Path, seconds: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The first channel as a player plays it: from time 0 on, silence before the first sample."""
    parts: list[Any] = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono", 44100)
        for frame in container.decode(audio=0):
            at = round(frame.pts * frame.time_base * 44100)
            values = np.concatenate([f.to_ndarray()[0] for f in resampler.resample(frame)] or [np.zeros(0)])
            have = sum(len(part) for part in parts)
            parts.append(np.zeros(max(0, at - have)) if at > have + 100 else np.zeros(0))
            parts.append(values)
            if at > seconds * 44100:
                break
    return np.concatenate(parts)[: int(seconds * 44100)].astype(np.float64)


def test_all_sound_tracks_come_along_in_their_order(tmp_path: Path) -> None:
    beside = together(tone(codec="aac", language="eng"), tone(codec="mp3", language="fra"))
    source = write_clip(tmp_path / "in.mkv", Clip(pictures=_scenes(30), beside=beside))
    run(source, tmp_path / "out.mp4")
    assert _codecs(tmp_path / "out.mp4") == ["h264", "aac", "mp3"]
    for index in range(2):
        assert packets(tmp_path / "out.mp4", "audio", index) == packets(source, "audio", index)


def test_sound_that_lies_behind_all_video_in_the_file_comes_along(tmp_path: Path) -> None:
    # the tone is written after the last frame, without interleaving
    clip = Clip(pictures=_scenes(60), beside=tone(seconds=2), container_options={"max_interleave_delta": "1"})
    source = write_clip(tmp_path / "in.mkv", clip)
    run(source, tmp_path / "out.mkv")
    assert packets(tmp_path / "out.mkv", "audio") == packets(source, "audio")
    assert len(pictures(tmp_path / "out.mkv")) == 60
