"""Still pictures painted, enlarged, or painted and then enlarged."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from engines.backends import AUTO
from engines.contract import EngineOptions, EngineSpec, Picture
from engines.errors import BadInputError
from realtime.pictures.paint import PictureStage
from realtime.pictures.read import MOST_PIXELS
from realtime.pictures.tiles import Progress
from realtime.pipeline import ResolvedPipeline, StyleParams

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["PictureChain"]


class PictureChain:
    """Sends pictures through a pipeline, one by one; engines are kept while the next picture has the same size."""

    def __init__(
        self,
        pipeline: ResolvedPipeline,
        *,
        backend: str = AUTO,
        options: EngineOptions | None = None,
        tile: int | None = None,
        notice: Callable[[str], None] | None = None,
        progress: Progress | None = None,
    ) -> None:
        """As for PicturePainter; `tile` holds for what goes into each net."""
        steps = [(pipeline.net, pipeline.params)]
        if pipeline.upscaler is not None:
            steps.append((pipeline.upscaler, StyleParams()))
        self.scale = pipeline.scale
        """Width and height of the results over those of the pictures."""
        self._painters = [
            PictureStage(net, params, backend=backend, options=options, tile=tile, notice=notice, progress=progress)
            for net, params in steps
        ]

    @property
    def specs(self) -> tuple[EngineSpec, ...]:
        """What made the last picture, in order; empty before the first."""
        specs = [painter.spec for painter in self._painters]
        return tuple(spec for spec in specs if spec is not None)

    def paint(self, frame: Picture) -> Picture:
        """A picture, uint8 `(h, w, 3)` RGB of any size; returns uint8 `(h * scale, w * scale, 3)`.

        Raises BadInputError for one that would become larger than any picture may be.
        """
        height, width = (side * self.scale for side in frame.shape[:2])
        if self.scale > 1 and width * height > MOST_PIXELS:
            raise BadInputError(
                f"the result would have {width}x{height}, expected at most {MOST_PIXELS // 1_000_000} million pixels",
                hint="make it smaller with `size` or a lower `sr`",
            )
        for painter in self._painters:
            frame = painter.paint(frame)
        return frame

    def close(self) -> None:
        """Give the engines' memory back."""
        for painter in self._painters:
            painter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
