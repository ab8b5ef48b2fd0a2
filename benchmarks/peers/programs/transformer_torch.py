"""The net of pytorch/examples fast_neural_style on PyTorch, as its neural_style.py runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from benchmarks.peers.runner import Frame, Job, Program

__all__ = ["open_program"]


def open_program(job: Job) -> Program:
    """`settings`: weights, an .npz file with the arrays of a state dict."""
    torch.set_num_threads(job["threads"])
    net = _TransformerNet().eval()
    with np.load(job["settings"]["weights"]) as arrays:
        net.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays})

    @torch.inference_mode()
    def call(frame: Frame) -> Frame:
        planes = net(torch.from_numpy(frame.transpose(2, 0, 1)).float()[None])[0]
        return cast("Frame", planes.clamp(0, 255).numpy().transpose(1, 2, 0).astype(np.uint8))

    return {"about": "PyTorch eager f32", "call": call}


class _Conv(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, enlarge: int = 1) -> None:
        super().__init__()
        self._enlarge = enlarge
        self.reflection_pad = nn.ReflectionPad2d(kernel // 2)
        self.conv2d = nn.Conv2d(before, after, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        if self._enlarge > 1:
            x = F.interpolate(x, scale_factor=self._enlarge, mode="nearest")
        return cast(Tensor, self.conv2d(self.reflection_pad(x)))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _Conv(channels, channels, 3), _Conv(channels, channels, 3)
        self.in1, self.in2 = (nn.InstanceNorm2d(channels, affine=True) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, x + self.in2(self.conv2(F.relu(self.in1(self.conv1(x))))))


class _TransformerNet(nn.Module):
    """Float `(n, 3, h, w)` RGB in 0..255 to the same; parts are named as in the original."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = _Conv(3, 32, 9), _Conv(32, 64, 3, 2), _Conv(64, 128, 3, 2)
        for number in range(1, 6):
            self.add_module(f"res{number}", _Residual(128))
        self.deconv1, self.deconv2 = _Conv(128, 64, 3, enlarge=2), _Conv(64, 32, 3, enlarge=2)
        self.deconv3 = _Conv(32, 3, 9)
        for number, channels in enumerate((32, 64, 128, 64, 32), 1):
            self.add_module(f"in{number}", nn.InstanceNorm2d(channels, affine=True))

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm in (("conv1", "in1"), ("conv2", "in2"), ("conv3", "in3")):
            x = F.relu(self.get_submodule(norm)(self.get_submodule(conv)(x)))
        for number in range(1, 6):
            x = self.get_submodule(f"res{number}")(x)
        for conv, norm in (("deconv1", "in4"), ("deconv2", "in5")):
            x = F.relu(self.get_submodule(norm)(self.get_submodule(conv)(x)))
        return cast(Tensor, self.deconv3(x))
