"""What is to be measured: nets on a backend in a precision, as a user would ask for them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from engines.backends import AUTO, BACKENDS
from engines.contract import EngineOptions
from engines.errors import BadInputError
from engines.names import nearest
from realtime.pipeline import ResolvedPipeline, resolve
from realtime.user_options import StyleOptions

__all__ = ["Choice", "choices"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """Everything but the size of the frames."""

    pipeline: ResolvedPipeline
    backend: str = AUTO
    precision: str | None = None
    """One of PRECISIONS; None: the backend's choice."""
    sr: int | None = None
    """How many times larger the pictures get, if at all."""

    @property
    def net(self) -> str:
        """`fast`, or `fast then sr2-perceptual`."""
        return " then ".join(net.spec.name for net in self.pipeline.nets)

    def told(self) -> list[str]:
        """Options of `rtstyle cam` and `rtstyle video` that ask for it."""
        style, told = self.pipeline.style, ["--backend", self.backend]
        if style is not None:
            told += ["--style", style.label, "--net", str(style.net.path or style.net.spec.name)]
        if self.sr is not None:
            told += ["--sr", str(self.sr)]
        return told if self.precision is None else [*told, "--precision", self.precision]

    def __str__(self) -> str:
        return " ".join(part for part in (self.net, self.backend, self.precision) if part)


def choices(
    *,
    nets: Sequence[str | None] = (None,),
    backends: Sequence[str] = (AUTO,),
    precisions: Sequence[str | None] = (None,),
    style: str | None = None,
    sr: int | None = None,
) -> list[Choice]:
    """All combinations; None is the default net or precision. Raises BadInputError for what is right on no machine."""
    for backend in backends:
        if backend != AUTO and backend not in BACKENDS:
            raise BadInputError(f"no backend is called {backend!r}{nearest(backend, [AUTO, *BACKENDS])}")
    for precision in precisions:
        EngineOptions(precision=precision)
    pipelines = [resolve(StyleOptions(style=style, net=net, sr=sr)) for net in nets]
    return [
        Choice(pipeline=chosen, backend=backend, precision=precision, sr=sr)
        for chosen, backend, precision in itertools.product(pipelines, backends, precisions)
    ]
