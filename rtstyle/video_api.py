"""The Python API for whole video files."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from engines.backends import AUTO
from engines.cache import cache_folder
from engines.contract import EngineOptions
from engines.errors import BadInputError
from realtime.pipeline import resolve
from realtime.user_options import StyleOptions, style_options
from realtime.video.job import Progress, stylize_video_file
from realtime.video.job import VideoJob, VideoSummary, parse_time

__all__ = ["Time", "stylize_video"]

Time = float | Fraction | str
"""Seconds, or a text such as `1:02:30.5`."""


def stylize_video(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    style: str | StyleOptions | None = None,
    *,
    net: str | None = None,
    strength: float = 1.0,
    keep_colors: bool = False,
    sr: int | None = None,
    sr_mode: str | None = None,
    start: Time | None = None,
    end: Time | None = None,
    size: tuple[int, int] | None = None,
    codec: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    decoder: str = AUTO,
    overwrite: bool = False,
    backend: str = AUTO,
    precision: str | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> VideoSummary:
    """Paint a video file, enlarge it, or both; sound, subtitles, chapters and timestamps stay as they are.

    source, target: files; the target ends in .mp4, .m4v, .mov, .mkv or .webm and appears when it is complete.
    style, net, strength, keep_colors, backend, precision: as for `Stylizer`.
    sr: 2, 3 or 4 times larger, after painting; without `style` the video is only enlarged. sr_mode: `fidelity` or
    `perceptual`, None is the default.
    start, end: the part that is wanted; its first frame becomes time 0.
    size: (width, height) that the frames are scaled to, upright, before they are painted; None keeps theirs.
    codec: h264 (the default), hevc, av1, vp9, or an encoder such as h264_nvenc; auto: an NVIDIA GPU's encoder where
    there is one. crf: its quality, lower is better. preset: the encoder's word for its speed.
    decoder: cpu, cuda (an NVIDIA GPU), or auto: what a trial shows to be faster. overwrite: replace an existing target.
    progress: called for each frame, from another thread, with the frames written, about how many there will be (or
    None) and frames per second. notice: called with one line for each thing that could not be kept as it was.

    Raises SourceError, OutputError, BadInputError, BackendError, and nothing is left behind. A source that ends early
    is painted as far as it goes, and the summary's `incomplete` says so. At a KeyboardInterrupt what was painted is
    finished into a playable file before KeyboardInterrupt is raised.
    """
    options = style_options(style, net=net, strength=strength, keep_colors=keep_colors, sr=sr, sr_mode=sr_mode)
    job = VideoJob(
        source=Path(source),
        target=Path(target),
        pipeline=resolve(options),
        start_s=_seconds("start", start),
        end_s=_seconds("end", end),
        size=size,
        codec=codec,
        crf=crf,
        preset=preset,
        decoder=decoder,
        overwrite=overwrite,
        backend=backend,
        engine=EngineOptions(precision=precision, cache=cache_folder()),
    )
    summary = stylize_video_file(job, progress=progress, notice=notice)
    if summary.interrupted:
        raise KeyboardInterrupt
    return summary


def _seconds(name: str, time: Time | None) -> Fraction | None:
    if time is None:
        return None
    try:
        return parse_time(time) if isinstance(time, str) else Fraction(str(time))  # 0.1 is a tenth
    except ValueError as error:  # NaN, infinity, or no number at all
        raise BadInputError(f"{name} is seconds or a text such as 1:02:30.5, got {time!r}") from error
