"""What a training run is made of: written beside its results, and enough to repeat it. Needs no torch.

config = BankConfig(content="photos", styles="paintings", steps=5_000)
config.save(folder / "config.json")
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from engines.atomic import write_whole
from engines.errors import BadInputError
from engines.names import nearest

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "BankConfig",
    "GatysConfig",
    "LossWeights",
    "NETS",
    "PRECISIONS",
    "RunConfig",
    "SrConfig",
    "StyleConfig",
    "TrainConfig",
]

NETS = ("fast", "johnson", "micro")
_LOSS_NETWORKS = ("vgg16", "vgg19")
PRECISIONS = ("bf16", "f32")
_SR_SCALES = {"compact": (2, 3, 4), "johnson": (4, 8)}
"""Which enlargements each net has."""
_OLD_NAMES = {"imitate": "distill"}
"""Options in files of earlier versions, and what they are called today."""


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """How much each term of the objective counts, for pictures and features in the 0..255 scale of the original VGG."""

    content: float = 1.0
    style: float = 5.0
    variation: float = 2.0
    stability: float = 100.0


class _Config:
    """How options are checked, written and read. Subclasses are frozen dataclasses of numbers and texts."""

    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"loss_network": _LOSS_NETWORKS, "precision": PRECISIONS}
    """What some options of a word may be."""
    least: ClassVar[Mapping[str, int]] = {}
    """The lowest values of numbers; those that are not named here are 0 or more."""

    def __post_init__(self) -> None:
        for name, value in self._values().items():
            if isinstance(value, str):
                if name in self.choices and value not in self.choices[name]:
                    raise BadInputError(f"{name} is one of {', '.join(self.choices[name])}, got {value!r}")
            elif not value >= (least := self.least.get(name, 0)):  # so written, it catches NaN too
                raise BadInputError(f"expected {name} of {least} or more, got {value}")

    def _values(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def save(self, path: Path) -> None:
        """Write as JSON."""
        write_whole(path, (json.dumps(self._values(), indent=2) + "\n").encode())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; options that are not in the file have their defaults. Raises BadInputError."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(values, dict):
                raise BadInputError(f"expected an object, got {type(values).__name__}")
            values = {_OLD_NAMES.get(name, name): value for name, value in values.items()}
            kinds = {field.name: str(field.type) for field in fields(cls)}  # type: ignore[arg-type]
            for name, value in values.items():
                if name not in kinds:
                    raise BadInputError(f"no option is called {name!r}{nearest(name, kinds)}")
                fitting = {"int": (int,), "float": (int, float), "str": (str,)}[kinds[name]]
                if not isinstance(value, fitting) or isinstance(value, bool):
                    raise BadInputError(f"expected {name} as {kinds[name]}, got {value!r}")
            return cls(**values)
        except (OSError, ValueError, TypeError, BadInputError) as exc:
            raise BadInputError(f"{path}: expected a training config in JSON: {exc}") from exc


@dataclass(frozen=True, kw_only=True)
class RunConfig(_Config):
    """What all runs have."""

    may_change: ClassVar[tuple[str, ...]] = ("start", "steps", "log_every", "sample_every", "save_every")
    """Options that a run may be resumed with: where files are (the checkpoint knows which), when it ends, reports."""
    least: ClassVar[Mapping[str, int]] = {"steps": 1, "batch": 1, "log_every": 1, "sample_every": 1, "save_every": 1}

    steps: int
    batch: int
    """Samples a step, over all processes together."""
    learning_rate: float
    """Adam's, falling to 0 along half a cosine."""
    seed: int = 0
    precision: str = "bf16"
    """bf16: convolutions in bfloat16, sums and norms in float32. f32: all in float32."""
    log_every: int
    """Steps between lines of the log."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.learning_rate > 0:
            raise BadInputError(f"expected a learning_rate above 0, got {self.learning_rate}")

    @property
    def checkpoint_every(self) -> int:
        """Steps between checkpoints, each with a sheet of samples."""
        raise NotImplementedError

    def facts(self) -> dict[str, object]:
        """What a net file says of its training: no paths, so that the file does not depend on where it was made."""
        return {name: value for name, value in self._values().items() if name not in (*self.may_change, "distill")}


@dataclass(frozen=True, kw_only=True)
class TrainConfig(RunConfig):
    """What runs have that learn to paint."""

    may_change = (*RunConfig.may_change, "content", "styles")
    least: ClassVar[Mapping[str, int]] = {**RunConfig.least, "size": 1, "painting_size": 1}

    content: str
    """Folder of photos."""
    loss_network: str = "vgg19"
    """`vgg16` or `vgg19`."""
    steps: int = 20_000
    batch: int = 4
    """Photos a step, over all processes together."""
    size: int = 192
    """Side of a training crop in pixels."""
    painting_size: int = 384
    """Short side that paintings are resized to: the larger, the broader the strokes."""
    learning_rate: float = 2e-3
    content_weight: float = LossWeights.content
    style_weight: float = LossWeights.style
    variation_weight: float = LossWeights.variation
    stability_weight: float = LossWeights.stability
    held_out: int = 20
    """So many of the last photos are kept for checks, never trained on."""
    log_every: int = 20
    sample_every: int = 500
    """Steps between sample sheets and checkpoints."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size % 16:
            raise BadInputError(f"expected size to be a multiple of 16, got {self.size}")

    @property
    def checkpoint_every(self) -> int:
        return self.sample_every

    @property
    def weights(self) -> LossWeights:
        return LossWeights(
            content=self.content_weight,
            style=self.style_weight,
            variation=self.variation_weight,
            stability=self.stability_weight,
        )


@dataclass(frozen=True, kw_only=True)
class BankConfig(TrainConfig):
    """A bank: every painting of a folder in one net."""

    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {**_Config.choices, "net": NETS}

    styles: str
    """Folder of paintings; their file names become the styles' names, unless the credits say otherwise."""
    net: str = "fast"
    """One of NETS."""
    start: str = ""
    """Checkpoint of another run: begin with its weights as far as they fit, and its vectors for the same paintings."""
    distill: str = ""
    """Checkpoint of a run with the same paintings: learn to paint as that net does, and heed no other loss."""


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


@dataclass(frozen=True, kw_only=True)
class SrConfig(RunConfig):
    """An upscaler."""

    may_change = (*RunConfig.may_change, "pictures", "checks")
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **_Config.choices,
        "net": tuple(_SR_SCALES),
        "mode": ("fidelity", "perceptual"),
        "degradation": ("bicubic", "video", "paper"),
    }
    least: ClassVar[Mapping[str, int]] = {**RunConfig.least, "width": 1, "depth": 1, "patch": 1}

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
    start: str = ""
    """Checkpoint of another run to take the weights from, as far as they fit: another mode's or scale's."""
    loss_network: str = "vgg19"
    """`vgg16` or `vgg19`, for `perceptual`."""
    pixel_weight: float = 1.0
    """In `perceptual`; `fidelity` has no other term."""
    feature_weight: float = 0.4
    """In `perceptual`."""
    adversarial_weight: float = 0.0
    """Above 0: a discriminator is trained beside the net, which then also learns to deceive it."""
    precision: str = "bf16"
    """Of the loss network. The upscaler itself is in float32: its output needs more than the 8 bits of bfloat16."""
    log_every: int = 100
    save_every: int = 1_000
    """Steps between checkpoints, checks and sample sheets."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale not in _SR_SCALES[self.net]:
            known = ", ".join(map(str, _SR_SCALES[self.net]))
            raise BadInputError(f"the net {self.net} enlarges by one of {known}, got {self.scale}")

    @property
    def checkpoint_every(self) -> int:
        return self.save_every


@dataclass(frozen=True, kw_only=True)
class GatysConfig(_Config):
    """One picture that is optimised itself."""

    least: ClassVar[Mapping[str, int]] = {"steps": 1, "size": 32, "painting_size": 32}

    steps: int = 500
    """Of L-BFGS."""
    size: int = 512
    """Long side in pixels."""
    painting_size: int = 384
    """Short side that the painting is resized to."""
    loss_network: str = "vgg19"
    content_weight: float = LossWeights.content
    style_weight: float = LossWeights.style
    variation_weight: float = LossWeights.variation
    seed: int = 0
    """Of the noise that it starts from."""
    precision: str = "bf16"
    """Of the loss network's convolutions."""

    @property
    def marks(self) -> list[int]:
        """Steps at which the losses are told: twenty, evenly, and the last."""
        return sorted({max(1, self.steps * part // 20) for part in range(1, 21)})

    @property
    def weights(self) -> LossWeights:
        return LossWeights(content=self.content_weight, style=self.style_weight, variation=self.variation_weight)
