"""The networks that a run has beside the upscaler: a loss network and a discriminator, where its mode asks for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from train.loss_networks import LossNetwork, loss_network
from train.sr.adversary import Discriminator, judge_loss
from train.sr.config import SrConfig

__all__ = ["Teachers"]

_JUDGE_LEARNING_RATE = 2e-4


class Teachers:
    """What tells the upscaler how good it is."""

    def __init__(self, config: SrConfig, device: torch.device) -> None:
        self._loss_network: LossNetwork | None = None
        self._judge: Discriminator | None = None
        if config.mode != "perceptual":
            return
        if config.feature_weight:
            network = loss_network(config.loss_network).to(device)
            if config.precision == "bf16":
                network.convs.to(torch.bfloat16)
            self._loss_network = network
        if config.adversarial_weight:
            self._judge = Discriminator().to(device).to(memory_format=torch.channels_last)
            self._optimizer = torch.optim.Adam(self._judge.parameters(), lr=_JUDGE_LEARNING_RATE, betas=(0.9, 0.99))

    @property
    def loss_network(self) -> LossNetwork:
        assert self._loss_network is not None
        return self._loss_network

    @property
    def judge(self) -> Discriminator:
        assert self._judge is not None
        return self._judge

    def learn(self, made: Tensor, real: Tensor) -> None:
        """One update of the discriminator, if there is one. Both float `(n, 3, h, w)`, RGB in 0..1, detached."""
        if self._judge is None:
            return
        self._optimizer.zero_grad(set_to_none=True)  # the upscaler's step left gradients here too
        judge_loss(self._judge(real), self._judge(made)).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()

    def state(self) -> dict[str, Any]:
        """For the checkpoint."""
        if self._judge is None:
            return {}
        return {"judge": self._judge.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        if self._judge is not None:
            self._judge.load_state_dict(state["judge"])
            self._optimizer.load_state_dict(state["optimizer"])
