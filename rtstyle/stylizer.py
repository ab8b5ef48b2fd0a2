"""The Python API: one object that paints frames."""

from __future__ import annotations

import logging

from engines.styles import AUTO_NET, ResolvedStyle
from realtime.pipeline import recipes

from engines.backends import AUTO
from rtstyle.stylizer import Frames

__all__ = ["Stylizer"]

logger = logging.getLogger(__name__)


class Stylizer(Frames):
    """Paints frames in one style, whatever their size; compiles the net once for each size that comes.

    style: a name, a blend such as `udnie:0.6,wave:0.4`, or the path of a style file; None is the default style.
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
        style: str | None = None,
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
        found = recipes(
            style,
            net=net,
            strength=strength,
            keep_colors=keep_colors,
            sr=sr,
            sr_mode=sr_mode,
            always_paint=True,
            notice=logger.warning,
        )
        first = next(found)
        others = [] if fps is None else list(found)  # they are read only where there is a choice
        super().__init__([first, *others], fps=fps, backend=backend, precision=precision)

    @property
    def look(self) -> ResolvedStyle:
        """The style, and the net that paints it now."""
        assert self._recipe.look is not None
        return self._recipe.look
