"""The Python API: objects that paint or enlarge frames, whatever their size, and a function for whole video files.

>>> with Stylizer("udnie", strength=0.8) as stylizer:
...     painted = stylizer(frame)  # uint8 (h, w, 3) RGB in and out
>>> stylize_video("in.mp4", "out.mp4", "udnie")
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.backends import AUTO
from engines.cache import cache_folder
from engines.contract import EngineOptions, Picture
from engines.errors import BadInputError
from engines.lifecycle import Closing
from engines.styles import AUTO_NET, ResolvedStyle
from realtime.net_choice import NetChoice, choose
from realtime.pictures.paint import TILE_SIDE, WHOLE_UP_TO, PicturePipeline
from realtime.pipeline import Pipeline, ResolvedPipeline, open_pipeline, resolve, resolve_all
from realtime.user_options import StyleOptions, style_options

if TYPE_CHECKING:
    from realtime.video.job import Progress, VideoSummary

__all__ = ["Stylizer", "Time", "Upscaler", "stylize_video"]

logger = logging.getLogger(__name__)

Time = float | Fraction | str
"""Seconds, or a text such as `1:02:30.5`."""


class _Frames(Closing):
    """Frames in, pictures out; makes engines for each size that comes. Not for use from several threads at once.

    Use it in a `with` block, or call `close`.
    """

    def __init__(
        self,
        pipelines: Sequence[ResolvedPipeline],
        *,
        fps: float | None = None,
        backend: str = AUTO,
        precision: str | None = None,
    ) -> None:
        """pipelines: the first is followed; with `fps`, the best that keeps this rate at the size that comes."""
        if fps is not None and not 0 < fps < math.inf:
            raise BadInputError(f"a rate is above 0 frames a second, got {fps}")
        self._pipelines, self._fps, self._backend = pipelines, fps, backend
        self._resolved = pipelines[0]
        self.choice: NetChoice | None = None
        """Why the net that paints now was taken, where several could keep a rate or not."""
        self._options = EngineOptions(precision=precision, cache=cache_folder())
        self._pipeline: Pipeline | None = None
        self._engines = ExitStack()
        self._pictures: PicturePipeline | None = None

    def __call__(self, frame: Picture) -> Picture:
        """Do it to one frame: uint8 `(h, w, 3)` RGB, 16x16 or larger; returns a new uint8 `(h * n, w * n, 3)`, where
        n is how many times larger the result is to be.

        Large ones are done in tiles, which bounds the memory and shows no seams: above 16 million pixels where there
        is something to paint, above one million where there is not.
        """
        _check(frame)
        if frame.shape[0] * frame.shape[1] <= self._whole_up_to():
            return next(self.stream([frame]))
        if self._pictures is None:
            options = replace(self._options, cache=None)  # the statistics' graphs are of use for this picture only
            self._pictures = PicturePipeline(
                self._resolved, backend=self._backend, options=options, notice=logger.warning
            )
        return self._pictures.paint(frame)

    def stream(self, frames: Iterable[Picture]) -> Iterator[Picture]:
        """Take frames one after the other, in order; the next is taken while the last is being worked on.

        frames: uint8 `(h, w, 3)` RGB; a frame must not change until its picture came. The size may change on the way.
        """
        pipeline: Pipeline | None = None
        for frame in frames:
            _check(frame)
            size = (frame.shape[1], frame.shape[0])
            if pipeline is None or pipeline.size != size:
                while pipeline is not None and pipeline.in_flight:
                    yield pipeline.collect()
                pipeline = self._pipeline_for(size)
            pipeline.submit(frame, self._resolved.params)
            if pipeline.in_flight == pipeline.depth:
                yield pipeline.collect()
        while pipeline is not None and pipeline.in_flight:
            yield pipeline.collect()

    def close(self) -> None:
        """Give the engines' memory back. The next frame would make new ones."""
        self._close_pipeline()
        if self._pictures is not None:
            self._pictures.close()
            self._pictures = None

    def _whole_up_to(self) -> int:
        paints_only = self._resolved.style is not None and self._resolved.upscaler is None
        return WHOLE_UP_TO if paints_only else TILE_SIDE * TILE_SIDE

    def _pipeline_for(self, size: tuple[int, int]) -> Pipeline:
        if self._pipeline is None or self._pipeline.size != size:
            self._close_pipeline()
            if self._fps is not None:
                self._resolved, self.choice = choose(
                    self._pipelines,
                    size,
                    fps=self._fps,
                    backend=self._backend,
                    options=self._options,
                    notice=logger.warning,
                )
                if self.choice is not None:
                    logger.info(self.choice.line())
            self._pipeline = self._engines.enter_context(
                open_pipeline(self._resolved, size, backend=self._backend, options=self._options)
            )
        return self._pipeline

    def _close_pipeline(self) -> None:
        self._pipeline = None
        self._engines.close()


class Stylizer(_Frames):
    """Paints frames in one style, whatever their size; compiles the net once for each size that comes.

    style: a name, a blend such as `udnie:0.6,wave:0.4`, or the path of a style file; None is the default style. Or
    `StyleOptions`, which hold it and all down to `sr_mode`.
    net: a net's name or file; `auto`: one that has the style. That is `fast`, unless only others have it. With `fps`,
    the rate in frames per second at which frames come, it is the best one that keeps this rate at their size: several
    are timed for a second at the first frame, which is remembered; `choice` says which one paints, and why.
    strength: 0 (the frame as it came) to 1 (painted). keep_colors: brightness of the painting, colours of the frame.
    sr: 2, 3 or 4 enlarges what was painted; None leaves the size. sr_mode: see `Upscaler`.
    backend: `auto` or a name from `rtstyle doctor`. precision: f32, bf16, f16 or int8; None lets the backend choose.

    Raises BadInputError for unknown names and wrong values, BackendError where nothing can run.
    """

    def __init__(
        self,
        style: str | StyleOptions | None = None,
        *,
        net: str | None = AUTO_NET,
        fps: float | None = None,
        strength: float = 1.0,
        keep_colors: bool = False,
        sr: int | None = None,
        sr_mode: str | None = None,
        backend: str = AUTO,
        precision: str | None = None,
    ) -> None:
        options = style_options(style, net=net, strength=strength, keep_colors=keep_colors, sr=sr, sr_mode=sr_mode)
        found = resolve_all(options, always_paint=True, notice=logger.warning)
        first = next(found)
        others = [] if fps is None else list(found)  # they are read only where there is a choice
        super().__init__([first, *others], fps=fps, backend=backend, precision=precision)

    @property
    def style(self) -> ResolvedStyle:
        """The style, and the net that paints it now."""
        assert self._resolved.style is not None
        return self._resolved.style


class Upscaler(_Frames):
    """Enlarges frames, whatever their size; compiles the net once for each size that comes.

    scale: 2, 3 or 4 times as wide and as high. mode: `fidelity` (nearest to the pixels) or `perceptual` (sharp, and
    cleans what cameras and codecs leave); None is the default. backend, precision: as for `Stylizer`.

    Raises BadInputError where there is no such upscaler, BackendError where nothing can run.
    """

    def __init__(
        self, scale: int, *, mode: str | None = None, backend: str = AUTO, precision: str | None = None
    ) -> None:
        super().__init__([resolve(StyleOptions(sr=scale, sr_mode=mode))], backend=backend, precision=precision)
        self.scale = scale


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
    from realtime.video.job import VideoJob, stylize_video_file  # not above: painting frames needs no FFmpeg

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


def _check(frame: Picture) -> None:
    if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        came = f"{frame.dtype} {frame.shape}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise BadInputError(f"expected a frame as uint8 (h, w, 3) RGB, got {came}")


def _seconds(name: str, time: Time | None) -> Fraction | None:
    from realtime.video.job import parse_time

    if time is None:
        return None
    try:
        return parse_time(time) if isinstance(time, str) else Fraction(str(time))  # 0.1 is a tenth
    except ValueError as error:  # NaN, infinity, or no number at all
        raise BadInputError(f"{name} is seconds or a text such as 1:02:30.5, got {time!r}") from error
