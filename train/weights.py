"""From a net file back to the network that it was made of: no checkpoint need be kept or shipped."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from engines.contract import Picture
from engines.errors import NetFileError
from engines.net_file import NetFile
from train.export import check_parity
from train.networks import NETWORKS, TransformNet

__all__ = ["network_from_net_file"]

_PREFIX = "net."
"""What the exporter puts before the names of a network's parameters."""


def network_from_net_file(file: NetFile) -> TransformNet:
    """The network in float32, with proof that it paints as the file does. Raises NetFileError, BackendError."""
    weights = _weights(file)
    for make in NETWORKS.values():
        net = make()
        state = net.state_dict()
        zeros = {name: torch.zeros_like(value) for name, value in state.items() if name.endswith("bias")}
        found = zeros | weights  # exporters leave out a bias of zeros
        if _shapes(found) == _shapes(state):
            net.load_state_dict(found)
            check_parity(net.eval(), file, [net.neutral_style()[0]], [_noise()])
            return net
    raise NetFileError(
        f"net {file.spec.name}: expected one of the networks {', '.join(NETWORKS)} as rtstyle train bank writes them, "
        "its weights are of another: styles can only be fitted for those"
    )


def _weights(file: NetFile) -> dict[str, Tensor]:
    model = onnx.load_model_from_string(file.model)
    return {
        tensor.name.removeprefix(_PREFIX): torch.from_numpy(np.array(numpy_helper.to_array(tensor)))
        for tensor in model.graph.initializer
        if tensor.name.startswith(_PREFIX)
    }


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def _noise() -> Picture:
    return np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
