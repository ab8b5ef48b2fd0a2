from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from torch import nn  # noqa: E402

from train.networks import NETWORKS, JohnsonNet, network  # noqa: E402


class _Block(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


def _layer(
    into: int, out: int, kernel: int, stride: int = 1, *, relu: bool = True, up: bool = False
) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Upsample(scale_factor=2)] if up else []
    layers += [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(into, out, kernel, stride, bias=False)]
    layers += [nn.InstanceNorm2d(out, affine=True)]
    return layers + ([nn.ReLU()] if relu else [])


def _single_style_net() -> nn.Sequential:
    """Table 1 of the paper's supplement with instance norm and resize-convolutions, written down plainly."""
    blocks = [_Block(*_layer(128, 128, 3), *_layer(128, 128, 3, relu=False)) for _ in range(5)]
    return nn.Sequential(
        *_layer(3, 32, 9),
        *_layer(32, 64, 3, 2),
        *_layer(64, 128, 3, 2),
        *blocks,
        *_layer(128, 64, 3, up=True),
        *_layer(64, 32, 3, up=True),
        nn.ReflectionPad2d(4),
        nn.Conv2d(32, 3, 9),
    )


@torch.no_grad()
def test_johnson_with_one_style_is_the_papers_single_style_net() -> None:
    torch.manual_seed(0)
    plain = _single_style_net()
    for module in plain.modules():
        if isinstance(module, nn.InstanceNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    ours = JohnsonNet()
    convs = [module for module in plain.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in plain.modules() if isinstance(module, nn.InstanceNorm2d)]
    for one, other in zip((m for m in ours.modules() if isinstance(m, nn.Conv2d)), convs, strict=True):
        one.load_state_dict(other.state_dict())
    vector = torch.cat([torch.cat([norm.weight, norm.bias]) for norm in norms])
    picture = torch.rand(1, 3, 40, 48)
    expected = 0.5 + 0.6 * torch.tanh(plain(picture - 0.5))
    assert torch.allclose(ours(picture, vector[None]), expected, atol=1e-4)


def test_the_nets_have_the_sizes_that_were_measured() -> None:
    counts = {name: sum(p.numel() for p in make().parameters()) for name, make in NETWORKS.items()}
    assert round(counts["fast"] / 1e6, 2) == 0.41
    assert round(counts["micro"] / 1e6, 2) == 0.09
    # As the usual single-style implementation: with biases that the norms take away again, and one style's numbers.
    assert counts["johnson"] + 1600 + network("johnson").style_length == 1_679_235
    assert network("fast").style_length == 1536


@pytest.mark.parametrize("name", sorted(NETWORKS))
@torch.no_grad()
def test_each_sample_is_painted_in_its_own_style_and_by_itself(name: str) -> None:
    torch.manual_seed(0)
    net = network(name)
    pictures = torch.rand(2, 3, 32, 48)
    styles = torch.rand(2, net.style_length)
    together = net(pictures, styles)
    for number in range(2):
        alone = net(pictures[number : number + 1], styles[number : number + 1])
        assert torch.allclose(together[number], alone[0], atol=1e-4)
    assert not torch.allclose(together[0], net(pictures[:1], styles[1:])[0], atol=1e-2)


@pytest.mark.parametrize("name", ["fast", "micro"])
@torch.no_grad()
def test_training_starts_without_a_checkerboard(name: str) -> None:
    torch.manual_seed(0)
    net = network(name)
    painted = net(torch.rand(1, 3, 32, 32), net.neutral_style())
    assert torch.allclose(painted[..., ::2, ::2], painted[..., 1::2, 1::2])


@pytest.mark.parametrize("name", ["fast", "micro"])
def test_a_settled_net_paints_flat_features_without_a_grid(name: str) -> None:
    torch.manual_seed(0)
    net = network(name)
    nn.init.normal_(net.head.weight)
    nn.init.normal_(net.head.bias)
    flat = torch.randn(1, 32, 1, 1).expand(1, 32, 8, 8)
    assert nn.functional.pixel_shuffle(net.head(flat), 2).std(dim=(2, 3)).max() > 0.1
    net.settle()
    assert nn.functional.pixel_shuffle(net.head(flat), 2).std(dim=(2, 3)).max() < 1e-4
