"""The net of pytorch/examples fast_neural_style, by its layers and the names of its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["TransformerNet", "random_net", "with_stale_statistics"]


class _Conv(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, enlarge: int = 1) -> None:
        super().__init__()
        self.enlarge = enlarge
        self.reflection_pad = nn.ReflectionPad2d(kernel // 2)
        self.conv2d = nn.Conv2d(before, after, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        if self.enlarge > 1:
            x = F.interpolate(x, scale_factor=self.enlarge, mode="nearest")
        return self.conv2d(self.reflection_pad(x))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _Conv(channels, channels, 3), _Conv(channels, channels, 3)
        self.in1 = nn.InstanceNorm2d(channels, affine=True)
        self.in2 = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.in2(self.conv2(F.relu(self.in1(self.conv1(x)))))


class TransformerNet(nn.Module):
    """Float `(n, 3, h, w)` in 0..255 to the same."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.conv1, self.in1 = _Conv(3, width, 9), nn.InstanceNorm2d(width, affine=True)
        self.conv2, self.in2 = _Conv(width, 2 * width, 3, 2), nn.InstanceNorm2d(2 * width, affine=True)
        self.conv3, self.in3 = _Conv(2 * width, 4 * width, 3, 2), nn.InstanceNorm2d(4 * width, affine=True)
        for number in range(1, 6):
            setattr(self, f"res{number}", _Residual(4 * width))
        self.deconv1 = _Conv(4 * width, 2 * width, 3, enlarge=2)
        self.in4 = nn.InstanceNorm2d(2 * width, affine=True)
        self.deconv2 = _Conv(2 * width, width, 3, enlarge=2)
        self.in5 = nn.InstanceNorm2d(width, affine=True)
        self.deconv3 = _Conv(width, 3, 9)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.in1(self.conv1(x)))
        x = F.relu(self.in2(self.conv2(x)))
        x = F.relu(self.in3(self.conv3(x)))
        for number in range(1, 6):
            x = getattr(self, f"res{number}")(x)
        x = F.relu(self.in4(self.deconv1(x)))
        x = F.relu(self.in5(self.deconv2(x)))
        return self.deconv3(x)


@torch.no_grad()
def random_net(width: int = 32, seed: int = 0) -> TransformerNet:
    """Random weights that paint in full colours: nothing near black or white only, norms that matter."""
    torch.manual_seed(seed)
    net = TransformerNet(width).eval()
    for module in net.modules():
        if isinstance(module, nn.InstanceNorm2d):
            module.weight.uniform_(0.5, 1.5)
            module.bias.uniform_(-0.3, 0.3)
    net.deconv3.conv2d.weight.mul_(60)
    net.deconv3.conv2d.bias.copy_(torch.tensor([140.0, 120.0, 100.0]))
    return net


def with_stale_statistics(net: TransformerNet) -> dict[str, Tensor]:
    """The state dict as PyTorch before 0.4 saved it: with running statistics that instance norm does not use."""
    weights = dict(net.state_dict())
    for name, module in net.named_modules():
        if isinstance(module, nn.InstanceNorm2d):
            weights[f"{name}.running_mean"] = torch.full((module.num_features,), 7.0)
            weights[f"{name}.running_var"] = torch.full((module.num_features,), 9.0)
    return weights
