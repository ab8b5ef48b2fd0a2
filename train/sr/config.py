"""What a training run of an upscaler is made of: written beside its results, and enough to repeat it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from engines.atomic import write_whole
from engines.errors import BadInputError
from engines.names import nearest
from train.config import LOSS_NETWORKS, PRECISIONS

__all__ = ["DEGRADATIONS", "MODES", "SCALES", "SrConfig"]

MODES = ("fidelity", "perceptual")
DEGRADATIONS = ("bicubic", "video", "paper")
SCALES = {"compact": (2, 3, 4), "johnson": (4, 8)}
"""Which enlargements each net has."""


@dataclass(frozen=True, kw_only=True)
class SrConfig:
    """Options of one run."""

    pictures: str
    """Folder of pictures to learn from: sharp, and large against `(patch + 4) * scale`."""
    checks: str = ""
    """Folder with `HR_xN` and `LR_xN` (a benchmark set) to measure PSNR on while training; empty: none."""
    net: str = "compact"
    """compact, or johnson for the paper's own."""
    scale: int = 4
    mode: str = "fidelity"
    """fidelity: near the original by pixels; perceptual: near it by the features of a loss network as well."""
    degradation: str = "bicubic"
    """bicubic: as the benchmarks; video: blur, noise and compression too; paper: Gaussian blur, then bicubic."""
    width: int = 32
    depth: int = 6
    """Channels and number of the convolutions between stem and head of `compact`."""
    steps: int = 32_000
    batch: int = 16
    patch: int = 36
    """Side of a low-resolution patch in pixels."""
    learning_rate: float = 1e-3
    """Adam's, falling to 0 along half a cosine."""
    start: str = ""
    """Checkpoint of another run to take the weights from, as far as they fit: another mode's or scale's."""
    loss_network: str = "vgg19"
    """vgg19 or vgg16, for `perceptual`."""
    pixel_weight: float = 1.0
    """In `perceptual`; `fidelity` has no other term."""
    feature_weight: float = 0.4
    """In `perceptual`."""
    adversarial_weight: float = 0.0
    """Above 0: a discriminator is trained beside the net, which then also learns to deceive it."""
    seed: int = 0
    precision: str = "bf16"
    """Of the loss network. The upscaler itself is in float32: its output needs more than the 8 bits of bfloat16."""
    log_every: int = 100
    save_every: int = 1_000
    """Steps between checkpoints, checks and sample sheets."""

    def __post_init__(self) -> None:
        for name in ("width", "depth", "steps", "batch", "patch", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise BadInputError(f"expected {name} of 1 or more, got {getattr(self, name)}")
        for name in ("pixel_weight", "feature_weight", "adversarial_weight", "seed"):
            if not getattr(self, name) >= 0:
                raise BadInputError(f"expected {name} of 0 or more, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise BadInputError(f"expected a learning_rate above 0, got {self.learning_rate}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise BadInputError(f"{name} is one of {', '.join(choices)}, got {getattr(self, name)!r}")
        if self.scale not in SCALES[self.net]:
            known = ", ".join(map(str, SCALES[self.net]))
            raise BadInputError(f"the net {self.net} enlarges by one of {known}, got {self.scale}")

    def save(self, path: Path) -> None:
        """Write as JSON."""
        write_whole(path, (json.dumps(asdict(self), indent=2) + "\n").encode())

    @classmethod
    def load(cls, path: Path) -> SrConfig:
        """Read what `save` wrote; options that are not in the file have their defaults. Raises BadInputError."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            kinds = {field.name: str(field.type) for field in fields(cls)}
            for name, value in values.items():
                if name not in kinds:
                    raise BadInputError(f"no option is called {name!r}{nearest(name, kinds)}")
                fitting = {"int": (int,), "float": (int, float), "str": (str,)}[kinds[name]]
                if not isinstance(value, fitting) or isinstance(value, bool):
                    raise BadInputError(f"expected {name} as {kinds[name]}, got {value!r}")
            return cls(**values)
        except (OSError, ValueError, TypeError, AttributeError, BadInputError) as exc:
            raise BadInputError(f"{path}: expected a training config in JSON: {exc}") from exc


_CHOICES = {
    "net": tuple(SCALES),
    "mode": MODES,
    "degradation": DEGRADATIONS,
    "loss_network": LOSS_NETWORKS,
    "precision": PRECISIONS,
}
