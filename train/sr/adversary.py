"""A discriminator for fine-tuning upscalers: relativistic average GAN (Jolicoeur-Martineau 2019, as in ESRGAN)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Discriminator", "judge_loss", "maker_loss"]


class Discriminator(nn.Module):
    """Looks at pieces of 52x52 pixels and says of each how real it is; spectral norm keeps it from running away."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for number, (kernel, stride) in enumerate(((3, 1), (4, 2), (3, 1), (4, 2), (3, 1), (4, 2))):
            wider = width * 2 ** ((number + 1) // 2)
            layers += [
                nn.utils.parametrizations.spectral_norm(nn.Conv2d(channels, wider, kernel, stride, 1)),
                nn.LeakyReLU(0.2),
            ]
            channels = wider
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, picture: Tensor) -> Tensor:
        """Float `(n, 3, h, w)`, RGB in 0..1, to scores `(n, 1, h / 8, w / 8)`: the higher, the more real."""
        out: Tensor = self.layers(picture - 0.5)
        return out


def judge_loss(real: Tensor, made: Tensor) -> Tensor:
    """What the discriminator makes small: real pictures shall score higher than the average made one. A scalar."""
    return 0.5 * (_believed(real - made.mean()) + _doubted(made - real.mean()))


def maker_loss(real: Tensor, made: Tensor) -> Tensor:
    """What the upscaler makes small: the same with the sides changed. A scalar."""
    return 0.5 * (_believed(made - real.mean()) + _doubted(real - made.mean()))


def _believed(scores: Tensor) -> Tensor:
    return F.softplus(-scores).mean()


def _doubted(scores: Tensor) -> Tensor:
    return F.softplus(scores).mean()
