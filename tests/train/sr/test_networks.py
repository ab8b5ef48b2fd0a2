from fractions import Fraction

import numpy as np
import pytest
import torch
from train.sr.evaluation import bicubic_matrix
from train.sr.task import upscale

from train.checkpoint import take_over
from train.config import SrConfig
from train.sr.networks import BranchedConv, JohnsonUpscaleNet, UpscaleNet, collapsed, sr_network


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_output_is_larger_by_the_scale_for_odd_sizes_too(scale: int) -> None:
    out = UpscaleNet(scale)(torch.rand(2, 3, 17, 21))
    assert out.shape == (2, 3, 17 * scale, 21 * scale)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_base_alone_is_bicubic(scale: int) -> None:
    net = UpscaleNet(scale)
    torch.nn.init.zeros_(net.head.plain)
    torch.nn.init.zeros_(net.head.narrow)
    torch.nn.init.zeros_(net.head.points)
    picture = torch.rand(1, 3, 18, 15)
    rows, columns = (torch.from_numpy(bicubic_matrix(side, Fraction(scale)).copy()).float() for side in (18, 15))
    torch.testing.assert_close(net(picture), rows @ picture @ columns.T, atol=1e-5, rtol=0)


@pytest.mark.parametrize("even", [False, True])
def test_collapsing_the_branches_changes_nothing(*, even: bool) -> None:
    torch.manual_seed(0)
    net = UpscaleNet(3, width=8, depth=2, even=even)
    plain = collapsed(net)
    assert not any(isinstance(module, BranchedConv) for module in plain.modules())
    picture = torch.rand(1, 3, 20, 24)
    with torch.no_grad():
        torch.testing.assert_close(plain(picture), net(picture), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("even", "grid"), [(False, True), (True, False)])
def test_an_even_net_draws_no_grid_on_flat_areas(*, even: bool, grid: bool) -> None:
    torch.manual_seed(0)
    net = UpscaleNet(4, width=8, depth=1, even=even)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    with torch.no_grad():
        inside = net(torch.full((1, 3, 24, 24), 0.7))[..., 32:-32, 32:-32]
    assert (float(inside.std(dim=(2, 3)).max()) > 1e-3) == grid


def test_a_branched_convolution_of_nothing_passes_its_input_on() -> None:
    conv = BranchedConv(8, 8)
    for parameter in conv.parameters():
        torch.nn.init.zeros_(parameter)
    picture = torch.rand(1, 8, 9, 11)
    torch.testing.assert_close(conv(picture), picture)


def test_every_branch_learns() -> None:
    net = UpscaleNet(2, width=8, depth=1)
    net(torch.rand(1, 3, 16, 16)).square().mean().backward()
    still = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_the_plain_x4_net_has_the_size_that_was_measured_to_be_fast() -> None:
    assert sum(p.numel() for p in collapsed(UpscaleNet(4)).parameters()) < 80_000


def test_margin_is_how_far_an_output_pixel_looks() -> None:
    net = collapsed(UpscaleNet(2, width=8, depth=2))
    picture = torch.rand(1, 3, 41, 41).requires_grad_()
    net(picture)[0, :, 40:42, 40:42].sum().backward()
    rows = picture.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert 20 - rows.min() <= net.margin


def test_another_scale_takes_over_all_but_base_and_head() -> None:
    source, target = UpscaleNet(4, width=8, depth=2), UpscaleNet(2, width=8, depth=2)
    head = target.head.plain.detach().clone()
    take_over(target, source.state_dict())
    torch.testing.assert_close(target.body[1].plain, source.body[1].plain)
    torch.testing.assert_close(target.head.plain, head)


def test_the_papers_net_has_the_papers_number_of_weights() -> None:
    assert sum(p.numel() for p in JohnsonUpscaleNet(4).parameters()) == 401_859


def test_the_papers_net_enlarges_by_eight() -> None:
    net = sr_network(SrConfig(pictures="x", net="johnson", scale=8)).eval()
    made = upscale(net, np.zeros((16, 20, 3), np.uint8))
    assert made.shape == (128, 160, 3)
