"""What a run needs before it can begin: options for its engines, and the first frame."""

from __future__ import annotations

from engines.cache import cache_folder

from engines.contract import EngineOptions
from engines.errors import SourceError
from realtime.live.options import CamOptions
from realtime.live.source import EndOfSource, Grab, Source
from realtime.pipeline import ResolvedPipeline
from realtime.video.encoders import CODECS, check_size

__all__ = ["engine_options", "first_frame"]


def engine_options(pipeline: ResolvedPipeline, size: tuple[int, int], options: CamOptions) -> EngineOptions:
    """For engines that take frames of `size` (width, height). Raises BadInputError for one that cannot be recorded.

    Two nets take one frame at a time, for nobody would start the second one while the loop waits to take the next
    frame (measured: four times the rate, a quarter of the latency).
    """
    if options.record is not None:
        check_size(CODECS["h264"], (size[0] * pipeline.scale, size[1] * pipeline.scale))
    depth = 2 if pipeline.upscaler is None else 1
    return EngineOptions(cache=cache_folder(), depth=depth, precision=options.precision)


def first_frame(source: Source) -> Grab:
    """Wait for it. Raises SourceError, also where there is none."""
    try:
        return source.read()
    except EndOfSource:
        raise SourceError(f"{source.name}: expected a video, found no frame in it") from None
