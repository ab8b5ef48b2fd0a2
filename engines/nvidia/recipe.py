"""What an engine is made for: its cache key, and whether it may be used here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from engines.contract import SMALLEST_SIDE
from engines.errors import BadInputError
from engines.fp16 import CONVERTER
from engines.net_file import NetFile
from engines.nvidia.driver import Gpu
from engines.nvidia.runtimes import RuntimeFacts, platform_of
from engines.ring import padded_size

__all__ = ["PRECISIONS", "Recipe", "SizeRange", "make_recipe"]

PRECISIONS = ("f16", "f32")


@dataclass(frozen=True, kw_only=True)
class SizeRange:
    """The picture sizes that an engine takes, each (width, height), multiples of what the net needs."""

    smallest: tuple[int, int]
    typical: tuple[int, int]
    """The one it is tuned for."""
    largest: tuple[int, int]

    def __post_init__(self) -> None:
        for low, middle, high in zip(self.smallest, self.typical, self.largest, strict=True):
            if not SMALLEST_SIDE <= low <= middle <= high:
                raise BadInputError(f"expected sizes of {SMALLEST_SIDE} or more with min <= opt <= max, got {self}")

    def __str__(self) -> str:
        if self.is_fixed:
            return _spoken(self.typical)
        return f"{_spoken(self.smallest)}..{_spoken(self.typical)}..{_spoken(self.largest)}"

    @property
    def is_fixed(self) -> bool:
        return self.smallest == self.largest

    def takes(self, size: tuple[int, int]) -> bool:
        return all(low <= n <= high for low, n, high in zip(self.smallest, size, self.largest, strict=True))

    @classmethod
    def around(
        cls,
        typical: tuple[int, int],
        multiple: int,
        *,
        smallest: tuple[int, int] | None = None,
        largest: tuple[int, int] | None = None,
    ) -> SizeRange:
        """Rounded up to the net's multiple; fixed where neither bound is given. Raises BadInputError."""
        return cls(
            smallest=padded_size(smallest or typical, multiple),
            typical=padded_size(typical, multiple),
            largest=padded_size(largest or typical, multiple),
        )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that an engine depends on. Two equal recipes give engines that stand for each other."""

    net: str
    net_digest: str
    sizes: SizeRange
    precision: str
    runtime: str
    version: str
    """The runtime's version: plans serve no other."""
    targets: tuple[str, ...]
    """Compute capabilities, such as sm89, sorted."""
    device: str
    """The GPU that the kernels were timed on; empty for engines that were built ahead of time."""
    platform: str
    converter: int = CONVERTER
    """Version of our own graph converter."""

    @property
    def key(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def file_stem(self) -> str:
        """Readable first; the key makes it unique."""
        targets = self.targets[0] if len(self.targets) == 1 else f"{self.targets[0]}-{self.targets[-1]}"
        net = "".join(c if c.isalnum() or c in "-_" else "_" for c in self.net)
        return f"{net}-{str(self.sizes).replace('..', '-')}-{self.precision}-{self.runtime}-{targets}-{self.key}"

    def misfit(self, wanted: Recipe) -> str | None:
        """Why this engine cannot serve in the place of `wanted` (of one size, for one GPU); None: it can.

        Only for engines of the same net, runtime and precision.
        """
        mine, this = ", ".join(self.targets), ", ".join(wanted.targets)
        reasons = (
            (self.net_digest != wanted.net_digest, "made from another file of that net"),
            (self.version != wanted.version, f"built by {self.runtime} {self.version}, this is {wanted.version}"),
            (self.converter != wanted.converter, "made by another version of rtstyle"),
            (self.platform != wanted.platform, f"built on {self.platform}"),
            (not set(wanted.targets) <= set(self.targets), f"built for {mine}, this GPU is {this}"),
            (self.device != wanted.device, f"built on {self.device}, this is {wanted.device}"),
            (not self.sizes.takes(wanted.sizes.typical), f"built for {self.sizes}"),
        )
        return next((reason for holds, reason in reasons if holds), None)


def make_recipe(
    net: NetFile,
    sizes: SizeRange,
    *,
    precision: str,
    runtime: RuntimeFacts,
    version: str,
    targets: tuple[str, ...],
    gpu: Gpu | None,
) -> Recipe:
    """The recipe for `targets`; `gpu` is the one at hand, needed by runtimes that build on the GPU."""
    if precision not in PRECISIONS:
        raise BadInputError(f"{runtime.title} engines are {' or '.join(PRECISIONS)}, got {precision!r}")
    if runtime.targets is not None and (unknown := [t for t in targets if t not in runtime.targets]):
        raise BadInputError(
            f"{runtime.title} builds for {', '.join(runtime.targets)}, not for {', '.join(unknown)}: "
            "such a GPU needs --backend tensorrt or torch"
        )
    return Recipe(
        net=net.spec.name,
        net_digest=net.digest,
        sizes=sizes,
        precision=precision,
        runtime=runtime.name,
        version=version,
        targets=targets,
        device="" if runtime.ahead_of_time or gpu is None else gpu.name,
        platform=platform_of(runtime),
    )


def _spoken(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
