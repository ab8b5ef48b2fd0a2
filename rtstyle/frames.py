"""What all objects of the Python API that take frames have in common."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from engines.cache import cache_folder
from realtime.pipeline import Pipeline, ResolvedPipeline, open_pipeline

from engines.backends import AUTO
from engines.contract import EngineOptions, Picture
from engines.errors import BadInputError
from realtime.net_choice import NetChoice, choose
from realtime.pictures.chain import PictureChain
from realtime.pictures.paint import TILE_SIDE, WHOLE_UP_TO

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Frames"]

logger = logging.getLogger(__name__)


class Frames:
    """Frames in, pictures out; makes engines for each size that comes. Not for use from several threads at once.

    Use it in a `with` block, or call `close`.
    """

    def __init__(
        self,
        recipes: Sequence[ResolvedPipeline],
        *,
        fps: float | None = None,
        backend: str = AUTO,
        precision: str | None = None,
    ) -> None:
        """recipes: the first is followed; with `fps`, the best that keeps this rate at the size that comes."""
        if fps is not None and not 0 < fps < math.inf:
            raise BadInputError(f"a rate is above 0 frames a second, got {fps}")
        self._recipes, self._fps, self._backend = recipes, fps, backend
        self._recipe = recipes[0]
        self.choice: NetChoice | None = None
        """Why the net that paints now was taken, where several could keep a rate or not."""
        self._options = EngineOptions(precision=precision, cache=cache_folder())
        self._painter: Pipeline | None = None
        self._engines = ExitStack()
        self._pictures: PictureChain | None = None

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
            self._pictures = PictureChain(self._recipe, backend=self._backend, options=options, notice=logger.warning)
        return self._pictures.paint(frame)

    def stream(self, frames: Iterable[Picture]) -> Iterator[Picture]:
        """Take frames one after the other, in order; the next is taken while the last is being worked on.

        frames: uint8 `(h, w, 3)` RGB; a frame must not change until its picture came. The size may change on the way.
        """
        painter: Pipeline | None = None
        for frame in frames:
            _check(frame)
            size = (frame.shape[1], frame.shape[0])
            if painter is None or painter.size != size:
                while painter is not None and painter.in_flight:
                    yield painter.collect()
                painter = self._painter_for(size)
            painter.submit(frame, self._recipe.treatment)
            if painter.in_flight == painter.depth:
                yield painter.collect()
        while painter is not None and painter.in_flight:
            yield painter.collect()

    def close(self) -> None:
        """Give the engines' memory back. The next frame would make new ones."""
        self._close_painter()
        if self._pictures is not None:
            self._pictures.close()
            self._pictures = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _whole_up_to(self) -> int:
        paints_only = self._recipe.look is not None and self._recipe.upscaler is None
        return WHOLE_UP_TO if paints_only else TILE_SIDE * TILE_SIDE

    def _painter_for(self, size: tuple[int, int]) -> Pipeline:
        if self._painter is None or self._painter.size != size:
            self._close_painter()
            if self._fps is not None:
                self._recipe, self.choice = choose(
                    self._recipes,
                    size,
                    fps=self._fps,
                    backend=self._backend,
                    options=self._options,
                    notice=logger.warning,
                )
                if self.choice is not None:
                    logger.info(self.choice.line())
            self._painter = self._engines.enter_context(
                open_pipeline(
                    self._recipe.net, self._recipe.upscaler, size, backend=self._backend, options=self._options
                )
            )
        return self._painter

    def _close_painter(self) -> None:
        self._painter = None
        self._engines.close()


def _check(frame: Picture) -> None:
    if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        came = f"{frame.dtype} {frame.shape}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise BadInputError(f"expected a frame as uint8 (h, w, 3) RGB, got {came}")
