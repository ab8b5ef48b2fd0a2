"""What a bank training run is made of: written beside its results, and enough to repeat it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from engines.errors import BadInputError

__all__ = ["BankConfig"]


@dataclass(frozen=True, kw_only=True)
class BankConfig:
    """Options of one run. Weights are for pictures and features in the 0..255 scale of the loss network."""

    content: str
    """Folder of photos."""
    styles: str
    """Folder of paintings; their file names become the styles' names."""
    net: str = "fast"
    """Which network: fast, micro or johnson."""
    loss_network: str = "vgg19"
    """vgg19 or vgg16."""
    steps: int = 20_000
    batch: int = 4
    size: int = 192
    """Side of a training crop in pixels."""
    painting_size: int = 384
    """Short side that paintings are resized to: the larger, the broader the strokes."""
    learning_rate: float = 2e-3
    """Adam's, falling to 0 along half a cosine."""
    content_weight: float = 1.0
    style_weight: float = 5.0
    variation_weight: float = 2.0
    stability_weight: float = 200.0
    held_out: int = 20
    """So many of the last photos are kept for checks, never trained on."""
    seed: int = 0
    sample_every: int = 500
    """Steps between sample sheets and checkpoints."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "size", "painting_size", "sample_every"):
            if getattr(self, name) < 1:
                raise BadInputError(f"expected {name} of 1 or more, got {getattr(self, name)}")
        if self.size % 16:
            raise BadInputError(f"expected size to be a multiple of 16, got {self.size}")

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> BankConfig:
        """Read what `save` wrote. Raises BadInputError for anything else."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            known = {field.name for field in fields(cls)}
            if unknown := set(values) - known:
                raise BadInputError(f"{path}: unknown options {sorted(unknown)}, known are {sorted(known)}")
            return cls(**values)
        except (OSError, ValueError, TypeError) as exc:
            raise BadInputError(f"expected a training config in JSON, {path} cannot be used: {exc}") from exc
