"""The Python API: one object that paints frames."""

from __future__ import annotations

from engines.backends import AUTO
from engines.look import Look
from realtime.recipe import recipe
from rtstyle.frames import Frames

__all__ = ["Stylizer"]


class Stylizer(Frames):
    """Paints frames in one style, whatever their size; compiles the net once for each size that comes.

    style: a name, a blend such as `udnie:0.6,wave:0.4`, or the path of a style file; None is the default style.
    net: a net's name or file, where the style alone does not say it.
    strength: 0 (the frame as it came) to 1 (painted). keep_colors: brightness of the painting, colours of the frame.
    sr: 2, 3 or 4 enlarges what was painted; None leaves the size. sr_mode: see `Upscaler`.
    backend: `auto` or a name from `rtstyle doctor`. precision: f32, bf16 or f16; None lets the backend choose.

    Raises BadInputError for unknown names and wrong values, BackendError where nothing can run.
    """

    def __init__(
        self,
        style: str | None = None,
        *,
        net: str | None = None,
        strength: float = 1.0,
        keep_colors: bool = False,
        sr: int | None = None,
        sr_mode: str | None = None,
        backend: str = AUTO,
        precision: str | None = None,
    ) -> None:
        found = recipe(
            style,
            net=net,
            strength=strength,
            keep_colors=keep_colors,
            sr=sr,
            sr_mode=sr_mode,
            always_paint=True,
        )
        assert found.look is not None
        self.look: Look = found.look
        super().__init__(found, backend=backend, precision=precision)
