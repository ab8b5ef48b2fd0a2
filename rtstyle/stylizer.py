"""The Python API: one object that paints frames."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import TracebackType

import numpy as np

from engines.backends import AUTO, cache_folder, open_engine
from engines.contract import Engine, EngineOptions, Picture
from engines.errors import BadInputError
from engines.look import Look, look
from realtime.painter import Painter, Treatment
from realtime.pictures.paint import WHOLE_UP_TO, PicturePainter

__all__ = ["Stylizer"]

logger = logging.getLogger(__name__)


class Stylizer:
    """Paints frames in one style, whatever their size; compiles the net once for each size that comes.

    style: a name, a blend such as `udnie:0.6,wave:0.4`, or the path of a style file; None is the default style.
    net: a net's name or file, where the style alone does not say it.
    strength: 0 (the frame as it came) to 1 (painted). keep_colors: brightness of the painting, colours of the frame.
    backend: `auto` or a name from `rtstyle doctor`. precision: f32, bf16 or f16; None lets the backend choose.

    Raises BadInputError for unknown names and wrong values, BackendError where nothing can run. Not for use from
    several threads at once. Use it in a `with` block, or call `close`.
    """

    def __init__(
        self,
        style: str | None = None,
        *,
        net: str | None = None,
        strength: float = 1.0,
        keep_colors: bool = False,
        backend: str = AUTO,
        precision: str | None = None,
    ) -> None:
        self.look: Look = look(style, net=net)
        self._treatment = Treatment(vector=self.look.vector, strength=strength, keep_colors=keep_colors)
        self._backend = backend
        self._options = EngineOptions(precision=precision, cache=cache_folder())
        self._engine: Engine | None = None

    def __call__(self, frame: Picture) -> Picture:
        """Paint one frame: uint8 `(h, w, 3)` RGB, 16x16 or larger; returns a new array of the same shape.

        Above 16 million pixels it is painted in tiles, which bounds the memory and shows no seams.
        """
        _check(frame)
        if frame.shape[0] * frame.shape[1] <= WHOLE_UP_TO:
            return next(self.stream([frame]))
        options = replace(self._options, cache=None)  # the statistics' graphs are of use for this picture only
        with PicturePainter(
            self.look.net, self._treatment, backend=self._backend, options=options, notice=logger.warning
        ) as painter:
            return painter.paint(frame)

    def stream(self, frames: Iterable[Picture]) -> Iterator[Picture]:
        """Paint frames one after the other, in order; the next is taken while the last is being painted.

        frames: uint8 `(h, w, 3)` RGB; a frame must not change until its picture came. The size may change on the way.
        """
        painter: Painter | None = None
        for frame in frames:
            _check(frame)
            size = (frame.shape[1], frame.shape[0])
            if painter is None or painter.engine.spec.size != size:
                while painter is not None and painter.in_flight:
                    yield painter.collect()
                painter = Painter(self._engine_for(size))
            painter.submit(frame, self._treatment)
            if painter.in_flight == painter.depth:
                yield painter.collect()
        while painter is not None and painter.in_flight:
            yield painter.collect()

    def close(self) -> None:
        """Give the engine's memory back. The next frame would make a new one."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def __enter__(self) -> Stylizer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _engine_for(self, size: tuple[int, int]) -> Engine:
        if self._engine is None or self._engine.spec.size != size:
            self.close()
            self._engine = open_engine(self.look.net, size, backend=self._backend, options=self._options)
        return self._engine


def _check(frame: Picture) -> None:
    if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        came = f"{frame.dtype} {frame.shape}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise BadInputError(f"expected a frame as uint8 (h, w, 3) RGB, got {came}")
