"""The key of a compiled engine, all that it depends on, and the GPUs that engines can be built for."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass

from engines.contract import SMALLEST_SIDE, padded_size
from engines.errors import BadInputError
from engines.fp16 import CONVERTER
from engines.names import nearest
from engines.net_file import NetFile
from engines.nvidia.driver import Gpu
from engines.nvidia.runtimes import RuntimeFacts, platform_of

__all__ = ["EngineKey", "SizeRange", "TENSORRT_PRECISIONS", "THIS", "make_key", "parse_targets"]

TENSORRT_PRECISIONS = ("f16", "f32")
THIS = "this"
"""The GPU at hand."""

_KNOWN_GPUS = {
    target: tuple(names.split())
    for target, names in {
        "sm75": "gtx-1650 gtx-1660 rtx-2060 rtx-2070 rtx-2080 t4 titan-rtx quadro-rtx-4000 quadro-rtx-6000",
        "sm80": "a100 a30",
        "sm86": "rtx-3050 rtx-3060 rtx-3070 rtx-3080 rtx-3090 rtx-a2000 rtx-a4000 rtx-a5000 rtx-a6000 a2 a10 a16 a40",
        "sm89": "rtx-4050 rtx-4060 rtx-4070 rtx-4080 rtx-4090 rtx-4000-ada rtx-6000-ada l4 l40 l40s",
        "sm90": "h100 h200 gh200",
        "sm100": "b200 gb200",
        "sm120": "rtx-5050 rtx-5060 rtx-5070 rtx-5080 rtx-5090 rtx-pro-6000",
        "sm121": "gb10",
    }.items()
}
"""Names by build target (developer.nvidia.com/cuda-gpus)."""

_BY_NAME = {name: target for target, names in _KNOWN_GPUS.items() for name in names}
_SUFFIXES = re.compile(r"-?(ti|super|laptop|d|max-q)$")


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
            return _size_text(self.typical)
        return f"{_size_text(self.smallest)}..{_size_text(self.typical)}..{_size_text(self.largest)}"

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
class EngineKey:
    """All that an engine depends on. Engines with equal keys are interchangeable."""

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
    def digest(self) -> str:
        """Sixteen hexadecimal digits that stand for all of it."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def file_stem(self) -> str:
        """Readable first; the digest makes it unique."""
        targets = self.targets[0] if len(self.targets) == 1 else f"{self.targets[0]}-{self.targets[-1]}"
        net = "".join(c if c.isalnum() or c in "-_" else "_" for c in self.net)
        return f"{net}-{str(self.sizes).replace('..', '-')}-{self.precision}-{self.runtime}-{targets}-{self.digest}"

    def misfit(self, wanted: EngineKey) -> str | None:
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


def make_key(
    net: NetFile,
    sizes: SizeRange,
    *,
    precision: str,
    runtime: RuntimeFacts,
    version: str,
    targets: tuple[str, ...],
    gpu: Gpu | None,
) -> EngineKey:
    """The key for `targets`; `gpu` is the one at hand, needed by runtimes that build on the GPU."""
    if precision not in TENSORRT_PRECISIONS:
        raise BadInputError(f"{runtime.title} engines are {' or '.join(TENSORRT_PRECISIONS)}, got {precision!r}")
    if runtime.targets is not None and (unknown := [t for t in targets if t not in runtime.targets]):
        raise BadInputError(
            f"{runtime.title} builds for {', '.join(runtime.targets)}, not for {', '.join(unknown)}: "
            "such a GPU needs --backend tensorrt or torch"
        )
    return EngineKey(
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


def _size_text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def parse_targets(text: str) -> tuple[str, ...]:
    """`this`, or targets such as `sm75,sm89` or `rtx-4090`, sorted. Raises BadInputError for what is unknown."""
    found = {_target(part.strip().lower()) for part in text.split(",") if part.strip()}
    if not found:
        raise BadInputError("expected --target this, or targets such as sm75,sm89 or rtx-4090, got nothing")
    if THIS in found and len(found) > 1:
        raise BadInputError(f"--target this stands alone, got {text!r}: name this GPU's own target instead")
    return tuple(sorted(found, key=lambda target: int(target[2:]) if target != THIS else 0))


def _target(name: str) -> str:
    if name == THIS or name in _KNOWN_GPUS:
        return name
    plain = re.sub(r"^(nvidia|geforce)[- ]", "", re.sub(r"^nvidia[- ]", "", name)).replace(" ", "-")
    plain = re.sub(r"^(rtx|gtx)(\d)", r"\1-\2", plain)
    while plain not in _BY_NAME and _SUFFIXES.search(plain):
        plain = _SUFFIXES.sub("", plain)
    if plain not in _BY_NAME:
        raise BadInputError(f"no build target is called {name!r}{nearest(name, [*_BY_NAME, *_KNOWN_GPUS, THIS])}")
    return _BY_NAME[plain]
