"""Transform nets: a picture and a style vector in, a painted picture out.

Every net uses conditional instance normalisation (Dumoulin, Shlens, Kudlur 2017, eq. 5): one set of convolutions
serves all styles, and a style is the vector of all scales and shifts. The layers follow Johnson, Alahi, Fei-Fei
2016 (supplementary material, table 1); `fast` and `micro` move the work to a quarter of the resolution."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["FastNet", "JohnsonNet", "MicroNet", "NETWORKS", "TransformNet", "even_bias", "even_weight", "network"]


class _StyledConv(nn.Module):
    """[nearest upsampling,] reflection padding, convolution, conditional instance norm, [ReLU].

    The style vector holds this layer's scales at `offset` and its shifts right behind them.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        offset: int,
        kernel: int = 3,
        stride: int = 1,
        upsample: int = 1,
        relu: bool = True,
        separable: bool = False,
    ) -> None:
        super().__init__()
        self.channels, self.offset, self.upsample, self.relu = channels_out, offset, upsample, relu
        groups = channels_in if separable else 1
        middle = channels_in if separable else channels_out
        # No bias: the normalisation that follows takes any constant away.
        self.conv = nn.Conv2d(channels_in, middle, kernel, stride, groups=groups, bias=False)
        self.pointwise = nn.Conv2d(middle, channels_out, 1, bias=False) if separable else None
        self.pad = nn.ReflectionPad2d(kernel // 2)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        if self.upsample > 1:
            x = F.interpolate(x, scale_factor=self.upsample, mode="nearest")
        x = self.conv(self.pad(x))
        if self.pointwise is not None:
            x = self.pointwise(x)
        middle = self.offset + self.channels
        scale = style[:, self.offset : middle, None, None]
        shift = style[:, middle : middle + self.channels, None, None]
        x = F.instance_norm(x) * scale + shift
        return F.relu(x) if self.relu else x


class _StyledResidual(nn.Module):
    """Two styled convolutions and the identity (He et al. 2016, without the last ReLU, as in Johnson et al.)."""

    def __init__(self, channels: int, *, offset: int, separable: bool = False) -> None:
        super().__init__()
        self.first = _StyledConv(channels, channels, offset=offset, separable=separable)
        self.second = _StyledConv(channels, channels, offset=offset + 2 * channels, relu=False, separable=separable)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        out: Tensor = x + self.second(self.first(x, style), style)
        return out


class TransformNet(nn.Module):
    """What all transform nets share. Subclasses call `_styled` and `_residual` in the order of the style vector."""

    name: str
    kind = "style"
    scale = 1
    size_multiple: int
    """Width and height of a frame must be multiples of this."""
    margin: int
    """How far, in pixels, an output pixel looks through the convolutions (not through the norms)."""

    def __init__(self) -> None:
        super().__init__()
        self.style_length = 0
        """Numbers in a style vector: a scale and a shift for each normalised channel."""
        self.body = nn.ModuleList()

    def _styled(self, channels_in: int, channels_out: int, **options: int) -> None:
        self.body.append(
            _StyledConv(channels_in, channels_out, offset=self.style_length, **options)  # type: ignore[arg-type]
        )
        self.style_length += 2 * channels_out

    def _residual(self, channels: int, *, separable: bool = False) -> None:
        self.body.append(_StyledResidual(channels, offset=self.style_length, separable=separable))
        self.style_length += 4 * channels

    def neutral_style(self, styles: int = 1) -> Tensor:
        """Scales of 1 and shifts of 0, where training starts. Returns float32 `(styles, style_length)`."""
        vector = torch.zeros(self.style_length)
        for module in self.modules():
            if isinstance(module, _StyledConv):
                vector[module.offset : module.offset + module.channels] = 1
        return vector.repeat(styles, 1)

    def _through_body(self, x: Tensor, style: Tensor) -> Tensor:
        for layer in self.body:
            x = layer(x, style)
        return x

    def settle(self) -> None:
        """Bring the weights back to what the network promises: called before the first and after every update."""

    def deployed(self) -> nn.Module:
        """This network as a net file holds it: moved to the CPU, in float32."""
        return self.to("cpu", torch.float32).eval()

    def forward(self, picture: Tensor, style: Tensor) -> Tensor:
        """Paint.

        picture: float `(n, 3, h, w)`, RGB in 0..1, h and w multiples of `size_multiple`.
        style: float `(n, style_length)`. Returns the picture's shape, RGB, within -0.1..1.1: clamp before use.
        """
        raise NotImplementedError


def _squash(x: Tensor) -> Tensor:
    """Map to -0.1..1.1: black and white stay reachable with finite inputs (a scaled tanh as in the paper)."""
    return 0.5 + 0.6 * torch.tanh(x)


class FastNet(TransformNet):
    """Ends at half, body at quarter resolution: 9.4 GMAC at 640x480, 0.41 M parameters."""

    name = "fast"
    size_multiple = 4
    margin = 48
    separable = False

    def __init__(self, width: int = 32, blocks: int = 5) -> None:
        super().__init__()
        self._styled(12, width)
        self._styled(width, 2 * width, stride=2)
        for _ in range(blocks):
            self._residual(2 * width, separable=self.separable)
        self._styled(2 * width, width, upsample=2)
        self.head = nn.Conv2d(width, 12, 3)
        with torch.no_grad():  # four equal sub-pixels to begin with: no checkerboard (Aitken et al. 2017)
            self.head.weight.copy_(self.head.weight[::4].repeat_interleave(4, 0))
            nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def settle(self) -> None:
        """Keep flat areas free of a grid."""
        assert self.head.bias is not None
        with torch.no_grad():
            self.head.weight.copy_(even_weight(self.head.weight, 2))
            self.head.bias.copy_(even_bias(self.head.bias, 2))

    def forward(self, picture: Tensor, style: Tensor) -> Tensor:
        x = self._through_body(F.pixel_unshuffle(picture - 0.5, 2), style)
        x = self.head(F.pad(x, (1, 1, 1, 1), mode="reflect"))
        return _squash(F.pixel_shuffle(x, 2))


class MicroNet(FastNet):
    """`fast` with depthwise-separable residual blocks: 3.2 GMAC at 640x480, 0.09 M parameters."""

    name = "micro"
    separable = True


class JohnsonNet(TransformNet):
    """The paper's net (9x9 ends, 32/64/128 channels) with nearest upsampling in place of transposed convolutions."""

    name = "johnson"
    size_multiple = 4
    margin = 60

    def __init__(self, width: int = 32, blocks: int = 5) -> None:
        super().__init__()
        self._styled(3, width, kernel=9)
        self._styled(width, 2 * width, stride=2)
        self._styled(2 * width, 4 * width, stride=2)
        for _ in range(blocks):
            self._residual(4 * width)
        self._styled(4 * width, 2 * width, upsample=2)
        self._styled(2 * width, width, upsample=2)
        self.head = nn.Conv2d(width, 3, 9)

    def forward(self, picture: Tensor, style: Tensor) -> Tensor:
        x = self._through_body(picture - 0.5, style)
        return _squash(self.head(F.pad(x, (4, 4, 4, 4), mode="reflect")))


NETWORKS: dict[str, Callable[[], TransformNet]] = {
    "fast": FastNet,
    "johnson": JohnsonNet,
    "micro": MicroNet,
}


def network(name: str) -> TransformNet:
    """A fresh net by its name. Raises KeyError for an unknown one."""
    return NETWORKS[name]()


def even_weight(weight: Tensor, factor: int) -> Tensor:
    """A convolution's kernels with all sub-pixels of a pixel alike where they see a flat area.

    weight: `(channels * factor**2, channels_in, k, k)`; so is what it returns. Each sub-pixel's sum over the k*k taps
    becomes the mean of its pixel's, for every input channel: a flat area stays flat, without the grid that such heads
    learn (Odena et al. 2016). Shapes inside the k*k taps are left to the training.
    """
    means = weight.mean((2, 3)).view(-1, factor**2, weight.shape[1])
    more = (means.mean(1, keepdim=True) - means).flatten(0, 1)
    return weight + more[:, :, None, None]


def even_bias(bias: Tensor, factor: int) -> Tensor:
    """The same for the bias, `(channels * factor**2,)`."""
    return bias.view(-1, factor**2).mean(1).repeat_interleave(factor**2)
