import copy

import pytest
import torch
from train.sr.task import Discriminator, discriminator_loss, feature_loss, generator_loss, pixel_loss

from train.loss_networks import LossNetwork, loss_network


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    return loss_network("vgg19")


def test_pixel_loss_weighs_luma_more_than_colour() -> None:
    grey = torch.full((1, 3, 8, 8), 0.5)
    lighter = grey + 0.1
    tinted = grey + torch.tensor([0.1, 0.1 * -65.481 / 128.553, 0.0]).view(1, 3, 1, 1)
    assert pixel_loss(lighter, grey).item() == pytest.approx((219 / 255 + 0.25) * 0.1, rel=1e-3)
    assert pixel_loss(tinted, grey) < 0.3 * pixel_loss(lighter, grey)


def test_losses_of_equal_pictures_are_nearly_none(network: LossNetwork) -> None:
    picture = torch.rand(1, 3, 32, 32)
    assert pixel_loss(picture, picture) < 0.002
    assert feature_loss(picture, picture, network) == 0


def test_feature_loss_sends_gradients_to_what_was_made(network: LossNetwork) -> None:
    made = torch.rand(1, 3, 32, 32, requires_grad=True)
    feature_loss(made, torch.rand(1, 3, 32, 32), network).backward()
    assert made.grad is not None
    assert made.grad.abs().sum() > 0


def test_the_sides_of_the_adversarial_game_want_opposite_scores() -> None:
    high, low = torch.full((2, 1, 4, 4), 3.0), torch.full((2, 1, 4, 4), -3.0)
    assert discriminator_loss(real=high, made=low) < discriminator_loss(real=low, made=high)
    assert generator_loss(real=high, made=low) > generator_loss(real=low, made=high)


def test_the_discriminator_scores_pieces() -> None:
    assert Discriminator()(torch.rand(2, 3, 96, 96)).shape == (2, 1, 12, 12)


def test_the_scale_of_another_loss_network_does_not_matter(network: LossNetwork) -> None:
    one = copy.deepcopy(network)
    one.original_scale = False
    other = copy.deepcopy(one)
    other.convs["relu2_2"].weight.mul_(0.01)
    other.convs["relu2_2"].bias.mul_(0.01)
    made, original = torch.rand(2, 1, 3, 32, 32)
    losses = [feature_loss(made, original, judge).item() for judge in (one, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] > 0
