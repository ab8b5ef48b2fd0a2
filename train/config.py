"""What a training run is made of: written beside its results, and enough to repeat it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from engines.atomic import write_whole
from engines.errors import BadInputError
from engines.names import nearest

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["BankConfig", "LOSS_NETWORKS", "LossWeights", "NETS", "PRECISIONS", "StyleConfig", "TrainConfig"]

NETS = ("fast", "johnson", "micro")
LOSS_NETWORKS = ("vgg16", "vgg19")
PRECISIONS = ("bf16", "f32")


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """How much each term of the objective counts, for pictures and features in the 0..255 scale of the original VGG."""

    content: float = 1.0
    style: float = 5.0
    variation: float = 2.0
    stability: float = 100.0


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What all runs have."""

    content: str
    """Folder of photos."""
    loss_network: str = "vgg19"
    """One of LOSS_NETWORKS."""
    steps: int = 20_000
    batch: int = 4
    """Photos a step, over all processes together."""
    size: int = 192
    """Side of a training crop in pixels."""
    painting_size: int = 384
    """Short side that paintings are resized to: the larger, the broader the strokes."""
    learning_rate: float = 2e-3
    """Adam's, falling to 0 along half a cosine."""
    content_weight: float = LossWeights.content
    style_weight: float = LossWeights.style
    variation_weight: float = LossWeights.variation
    stability_weight: float = LossWeights.stability
    held_out: int = 20
    """So many of the last photos are kept for checks, never trained on."""
    seed: int = 0
    precision: str = "bf16"
    """bf16: convolutions in bfloat16, sums and norms in float32. f32: all in float32."""
    log_every: int = 20
    """Steps between lines of the log."""
    sample_every: int = 500
    """Steps between sample sheets and checkpoints."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "size", "painting_size", "sample_every", "log_every"):
            if getattr(self, name) < 1:
                raise BadInputError(f"expected {name} of 1 or more, got {getattr(self, name)}")
        for name in ("content_weight", "style_weight", "variation_weight", "stability_weight", "held_out", "seed"):
            if not getattr(self, name) >= 0:
                raise BadInputError(f"expected {name} of 0 or more, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise BadInputError(f"expected a learning_rate above 0, got {self.learning_rate}")
        if self.size % 16:
            raise BadInputError(f"expected size to be a multiple of 16, got {self.size}")
        _check_choice("loss_network", self.loss_network, LOSS_NETWORKS)
        _check_choice("precision", self.precision, PRECISIONS)

    @property
    def weights(self) -> LossWeights:
        return LossWeights(
            content=self.content_weight,
            style=self.style_weight,
            variation=self.variation_weight,
            stability=self.stability_weight,
        )

    def save(self, path: Path) -> None:
        """Write as JSON."""
        write_whole(path, (json.dumps(asdict(self), indent=2) + "\n").encode())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; options that are not in the file have their defaults. Raises BadInputError."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(values, dict):
                raise BadInputError(f"expected an object, got {type(values).__name__}")
            cls._check_types(values)
            return cls(**values)
        except (OSError, ValueError, TypeError, BadInputError) as exc:
            raise BadInputError(f"{path}: expected a training config in JSON: {exc}") from exc

    @classmethod
    def _check_types(cls, values: dict[str, object]) -> None:
        kinds = {field.name: str(field.type) for field in fields(cls)}
        for name, value in values.items():
            if name not in kinds:
                raise BadInputError(f"no option is called {name!r}{nearest(name, kinds)}")
            fitting = {"int": (int,), "float": (int, float), "str": (str,)}[kinds[name]]
            if not isinstance(value, fitting) or isinstance(value, bool):
                raise BadInputError(f"expected {name} as {kinds[name]}, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class BankConfig(TrainConfig):
    """A bank: every painting of a folder in one net."""

    styles: str
    """Folder of paintings; their file names become the styles' names, unless the credits say otherwise."""
    net: str = "fast"
    """One of NETS."""
    start: str = ""
    """Checkpoint of another run: begin with its weights as far as they fit, and its vectors for the same paintings."""
    imitate: str = ""
    """Checkpoint of a run with the same paintings: learn to paint as that net does, and heed no other loss."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice("net", self.net, NETS)


@dataclass(frozen=True, kw_only=True)
class StyleConfig(TrainConfig):
    """One more style for a net that stays as it is."""

    painting: str
    name: str
    net: str = "fast"
    """A net's name in the library, or its file."""
    steps: int = 800
    learning_rate: float = 2e-2
    sample_every: int = 100


def _check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BadInputError(f"{what} is one of {', '.join(choices)}, got {value!r}")
