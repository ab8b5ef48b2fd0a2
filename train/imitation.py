"""Imitation: a net learns to paint as another one does (Hinton, Vinyals, Dean 2015, on pictures).

No loss network is asked, so that a step costs a fraction of one with perceptual losses: a start for a larger net.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engines.errors import BadInputError
from train.checkpoint import load_checkpoint, take_over
from train.networks import NETWORKS, TransformNet
from train.objective import LossTerms

__all__ = ["Teacher", "imitation_terms", "teacher_from_checkpoint"]

_SCALE = 2e5
"""Brings differences of pictures in 0..1 near the size of the perceptual terms."""


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """The net that is imitated."""

    net: TransformNet
    vectors: Tensor
    """float32 `(styles, d)`, in the order of the pupil's styles."""

    @torch.no_grad()
    def paint(self, photos: Tensor, styles: Tensor) -> Tensor:
        """photos: float `(n, 3, h, w)`, RGB in 0..1. styles: int `(n,)`. Returns the photos' shape."""
        painted: Tensor = self.net(photos, self.vectors[styles])
        return painted


def teacher_from_checkpoint(path: Path, names: Sequence[str], device: torch.device) -> Teacher:
    """A bank as far as it is trained. names: paintings by file name. Raises BadInputError where it lacks one."""
    state = load_checkpoint(path)
    if state is None:
        raise BadInputError(f"expected a checkpoint to imitate, there is no {path}")
    missing = [name for name in names if name not in state.get("names", ())]
    if missing:
        raise BadInputError(f"expected {path} to be of a bank with the same paintings, it lacks {', '.join(missing)}")
    nets = (make() for make in NETWORKS.values())
    net = next((net for net in nets if take_over(net, state["net"])), None)
    if net is None:
        raise BadInputError(f"expected {path} to be of one of the networks {', '.join(NETWORKS)}")
    vectors = state["vectors"][[state["names"].index(name) for name in names]]
    return Teacher(net=net.eval().requires_grad_(False).to(device), vectors=vectors.to(device))


def imitation_terms(made: Tensor, wanted: Tensor) -> LossTerms:
    """How far pictures are from the teacher's, as the term of content; the others are 0.

    Absolute differences of the pictures and of their slopes, which hold the strokes. Both float `(n, 3, h, w)`.
    """
    difference = made.float() - wanted.float()
    slopes = difference.diff(dim=2), difference.diff(dim=3)
    content = _SCALE * sum((part.abs().mean(dim=(1, 2, 3)) for part in slopes), difference.abs().mean(dim=(1, 2, 3)))
    nothing = torch.zeros_like(content)
    return LossTerms(content=content, style=nothing, variation=nothing, stability=nothing)
