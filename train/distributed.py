"""Several processes that train together, one a GPU or CPU: `torchrun --nproc-per-node N -m rtstyle train ...`.

torchrun's environment variables say how many there are. Each takes an equal part of every batch, and the gradients are
averaged; instance norm keeps pictures apart, so the sums are those of one process with the whole batch.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed

from engines.errors import BadInputError

__all__ = ["DistributedContext", "distributed_context"]

_PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class DistributedContext:
    """The processes of a run, seen from one of them."""

    rank: int = 0
    size: int = 1
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and reports."""
        return self.rank == 0

    def part(self, batch: int) -> slice:
        """Which samples of a batch are this process's. Raises BadInputError where the parts would not be equal."""
        if batch % self.size:
            raise BadInputError(f"expected a batch that {self.size} processes can share equally, got {batch}")
        each = batch // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    @torch.no_grad()
    def average_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Give all processes the mean of their gradients, in one exchange: these nets are a few megabytes."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, mean in zip(
            gradients, torch.split(flat, [gradient.numel() for gradient in gradients]), strict=True
        ):
            gradient.copy_(mean.view(gradient.shape))

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the processes of a float tensor of any shape."""
        if self.size > 1:
            distributed.all_reduce(values)
            values /= self.size
        return values

    def union(self, values: Iterable[int]) -> set[int]:
        """All values that any process has."""
        if self.size == 1:
            return set(values)
        parts: list[set[int]] = [set()] * self.size
        distributed.all_gather_object(parts, set(values))
        return set().union(*parts)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            distributed.barrier()


@contextlib.contextmanager
def distributed_context() -> Iterator[DistributedContext]:
    """Join the processes that torchrun started; without torchrun, one alone."""
    size, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    if torch.cuda.is_available():
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    else:
        device = torch.device("cpu")
    if size == 1:
        yield DistributedContext(device=device)
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield DistributedContext(rank=distributed.get_rank(), size=size, device=device)
    finally:
        distributed.destroy_process_group()
