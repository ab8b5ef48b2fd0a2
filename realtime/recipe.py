"""From what a user asks for (a style, an enlargement, or both) to the nets that do it, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engines.contract import EngineSpec
from engines.errors import BadInputError
from engines.library import Library, upscaler
from engines.net_file import NetFile
from engines.styles import AUTO_NET, ResolvedStyle, resolve_styles
from realtime.painter import Treatment

__all__ = ["Recipe", "check_upscaler", "joined", "recipe", "recipes"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Recipe:
    """What happens to every frame."""

    net: NetFile
    """The net that the frames go into: it paints, or enlarges where nothing is to be painted."""
    treatment: Treatment
    upscaler: NetFile | None = None
    """Enlarges what `net` has painted; None where `net` is all there is."""
    look: ResolvedStyle | None = None
    """The style; None where frames are only enlarged."""

    @property
    def scale(self) -> int:
        """Width and height of the result over those of the frame."""
        return self.net.spec.scale * (1 if self.upscaler is None else self.upscaler.spec.scale)


def recipe(
    style: str | None = None,
    *,
    net: str | None = None,
    strength: float = 1.0,
    keep_colors: bool = False,
    sr: int | None = None,
    sr_mode: str | None = None,
    always_paint: bool = False,
    library: Library | None = None,
) -> Recipe:
    """The first of `recipes`: where there is no deadline, the default net paints unless only others have the style."""
    return next(
        recipes(
            style,
            net=net,
            strength=strength,
            keep_colors=keep_colors,
            sr=sr,
            sr_mode=sr_mode,
            always_paint=always_paint,
            library=library,
        )
    )


def recipes(
    style: str | None = None,
    *,
    net: str | None = None,
    strength: float = 1.0,
    keep_colors: bool = False,
    sr: int | None = None,
    sr_mode: str | None = None,
    always_paint: bool = False,
    library: Library | None = None,
    notice: Callable[[str], None] | None = None,
) -> Iterator[Recipe]:
    """Find the nets: one recipe for each net that can paint the style, in the order of `looks`, read when asked for.

    `sr` without `style` only enlarges, unless `always_paint` asks for the default style then. Raises BadInputError at
    the first one, also for settings that would have no effect.
    """
    net = None if net == AUTO_NET else net
    if sr is None and sr_mode is not None:
        raise BadInputError(f"the mode {sr_mode!r} is that of an upscaler: say with --sr how much to enlarge, too")
    if sr is not None and style is None and not always_paint:
        _check_nothing_to_mix(net=net, strength=strength, keep_colors=keep_colors)
        yield Recipe(net=upscaler(sr, sr_mode, library=library), treatment=Treatment())
        return
    for found in resolve_styles(style, net=net, library=library, notice=notice):
        yield Recipe(
            net=found.net,
            treatment=Treatment(vector=found.vector, strength=strength, keep_colors=keep_colors),
            upscaler=None if sr is None else upscaler(sr, sr_mode, library=library),
            look=found,
        )


def check_upscaler(net: NetFile, upscaler: NetFile | None) -> None:
    """Raise BadInputError unless `upscaler` is one, and `net` one that it can follow."""
    if upscaler is None:
        return
    for given, kind in ((net, "style"), (upscaler, "upscale")):
        if given.spec.kind != kind:
            raise BadInputError(
                f"a net that paints comes first and one that enlarges second, got {given.spec.name} ({given.spec.kind})"
            )


def joined(specs: tuple[EngineSpec, ...], what: str) -> str:
    """What the engines of a chain have in common, or each one's own: `openvino`, `bf16 then f32`."""
    return " then ".join(dict.fromkeys(str(getattr(spec, what)) for spec in specs))


def _check_nothing_to_mix(*, net: str | None, strength: float, keep_colors: bool) -> None:
    given = {"--net": net is not None, "--strength": strength != 1, "--keep-colors": keep_colors}
    named = [name for name, is_given in given.items() if is_given]
    if named:
        raise BadInputError(f"{named[0]} is for painting, and --sr alone only enlarges: add --style, or leave it out")
