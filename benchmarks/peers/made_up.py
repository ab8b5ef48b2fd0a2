"""The net of pytorch/examples with made-up weights, as PyTorch and as others want it: only its speed is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from train.transformer_graph import graph_from_arrays, transformer_layers

__all__ = ["made_up_weights", "write_transformer"]

_BLOCKS = 5
_CHANNELS = {"conv1": (3, 32, 9), "conv2": (32, 64, 3), "conv3": (64, 128, 3)}
_CHANNELS |= {"deconv1": (128, 64, 3), "deconv2": (64, 32, 3), "deconv3": (32, 3, 9)}
"""Channels in and out, and the side of the kernel; all of the residual blocks have 128, 128 and 3."""


def write_transformer(folder: Path) -> None:
    """transformer.npz and transformer.onnx, with the same weights."""
    weights = made_up_weights()
    np.savez(folder / "transformer.npz", **weights)  # type: ignore[arg-type]  # its stubs take the names for options
    onnx.save(graph_from_arrays(weights, blocks=_BLOCKS), str(folder / "transformer.onnx"))


def made_up_weights() -> dict[str, NDArray[np.float32]]:
    """By the names of a state dict. They make full colours of a frame: nothing overflows, nothing is denormal."""
    rng = np.random.default_rng(0)

    def uniform(low: float, high: float, *shape: int) -> NDArray[np.float32]:
        return rng.uniform(low, high, shape).astype(np.float32)

    weights = {}
    for layer in transformer_layers(_BLOCKS):
        before, after, kernel = _CHANNELS.get(layer.conv, (128, 128, 3))
        bound = (before * kernel * kernel) ** -0.5 * (1 if layer.norm else 60)
        weights[f"{layer.conv}.conv2d.weight"] = uniform(-bound, bound, after, before, kernel, kernel)
        weights[f"{layer.conv}.conv2d.bias"] = uniform(0, 0.1, after) if layer.norm else uniform(100, 140, after)
        if layer.norm:
            weights[f"{layer.norm}.weight"] = uniform(0.5, 1.5, after)
            weights[f"{layer.norm}.bias"] = uniform(-0.3, 0.3, after)
    return weights
