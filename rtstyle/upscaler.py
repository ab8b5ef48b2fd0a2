"""The Python API: one object that enlarges frames."""

from __future__ import annotations

from realtime.pipeline import recipe

from engines.backends import AUTO
from rtstyle.stylizer import Frames

__all__ = ["Upscaler"]


class Upscaler(Frames):
    """Enlarges frames, whatever their size; compiles the net once for each size that comes.

    scale: 2, 3 or 4 times as wide and as high. mode: `fidelity` (nearest to the pixels) or `perceptual` (sharp, and
    cleans what cameras and codecs leave); None is the default. backend, precision: as for `Stylizer`.

    Raises BadInputError where there is no such upscaler, BackendError where nothing can run.
    """

    def __init__(
        self, scale: int, *, mode: str | None = None, backend: str = AUTO, precision: str | None = None
    ) -> None:
        super().__init__([recipe(sr=scale, sr_mode=mode)], backend=backend, precision=precision)
        self.scale = scale
