"""A bank: all styles in one net, each a vector of its own, trained on paintings or distilled from another net.

    with distributed_context() as context:
        bank_trainer(folder, BankConfig(content="photos", styles="paintings"), context).run(report)
    export_checkpoint(folder, folder / "export")

Distillation (Hinton, Vinyals, Dean 2015) is a start for a larger net: a step costs a fraction of a perceptual one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engines.errors import BadInputError
from engines.net_file import NetFile
from train.checkpoint import other_checkpoint, read_run, take_over
from train.config import BankConfig
from train.credits import Credit, read_credits
from train.data import list_pictures
from train.distributed import DistributedContext
from train.export import export_net, parity_photos
from train.networks import NETWORKS, TransformNet, network
from train.style import StyleTask
from train.trainer import Trainer

__all__ = ["Teacher", "bank_credits", "bank_trainer", "export_checkpoint", "teacher_from_checkpoint"]


def bank_trainer(folder: Path, config: BankConfig, context: DistributedContext) -> Trainer[StyleTask]:
    """Trains the net and all vectors, from where `folder` has a checkpoint. Call its `run`."""
    paintings = list_pictures(Path(config.styles))
    names = [painting.stem for painting in paintings]
    torch.manual_seed(config.seed)
    net = network(config.net)
    vectors, before = net.neutral_style(len(names)), 0
    if config.start and not (folder / "checkpoint.pt").exists():
        vectors, before = _take_over(Path(config.start), net, names)
    net.settle()
    teacher = teacher_from_checkpoint(Path(config.distill), names, context.device) if config.distill else None
    task = StyleTask(
        config,
        context,
        names=names,
        paintings=paintings,
        net=net,
        vectors=vectors,
        fit_net=True,
        before=before,
        teacher=teacher.paint if teacher else None,
    )
    trainer = Trainer(folder, task, context)
    trainer.resume()
    return trainer


def _take_over(start: Path, net: TransformNet, names: list[str]) -> tuple[Tensor, int]:
    """Give `net` those weights of another run that fit: `micro` can begin with much of `fast`.

    Returns the vectors, the mean of all for new paintings, and for how many steps the net was trained on paintings.
    """
    state = other_checkpoint(start, "start from")
    vectors = state.get("vectors")
    if vectors is None or vectors.shape[1] != net.style_length:
        raise BadInputError(f"expected {start} to be of a bank whose style vectors fit the net {net.name}, they do not")
    whole = take_over(net, state["net"])
    known = dict(zip(state["names"], vectors.cpu(), strict=True))
    mean = torch.stack(list(known.values())).mean(0)
    counts = whole and not state.get("imitates", False)
    before = state["step"] + state.get("before", 0) if counts else 0
    return torch.stack([known.get(name, mean) for name in names]), before


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """The net that is distilled."""

    net: TransformNet
    vectors: Tensor
    """float32 `(styles, d)`, in the order of the pupil's styles."""

    @torch.no_grad()
    def paint(self, photos: Tensor, styles: Tensor) -> Tensor:
        """photos: float `(n, 3, h, w)`, RGB in 0..1. styles: int `(n,)`. Returns the photos' shape."""
        painted: Tensor = self.net(photos, self.vectors[styles])
        return painted


def teacher_from_checkpoint(path: Path, names: Sequence[str], device: torch.device) -> Teacher:
    """A bank as far as it is trained. names: paintings by file name. Raises BadInputError where it lacks one."""
    state = other_checkpoint(path, "distill")
    missing = [name for name in names if name not in state.get("names", ())]
    if missing:
        raise BadInputError(f"expected {path} to be of a bank with the same paintings, it lacks {', '.join(missing)}")
    nets = (make() for make in NETWORKS.values())
    net = next((net for net in nets if take_over(net, state["net"])), None)
    if net is None:
        raise BadInputError(f"expected {path} to be of one of the networks {', '.join(NETWORKS)}")
    vectors = state["vectors"][[state["names"].index(name) for name in names]]
    return Teacher(net=net.eval().requires_grad_(False).to(device), vectors=vectors.to(device))


def bank_credits(styles: Path, path: Path | None, names: list[str]) -> list[Credit]:
    """Credits for paintings by file name: from `path` or, without it, `credits.json` in their folder if there is one.

    Raises BadInputError where the names that they give the styles cannot be used.
    """
    beside = styles / "credits.json"
    credits_of = read_credits(path or (beside if beside.exists() else None), names)
    taken: dict[str, str] = {}
    for file, credit in zip(names, credits_of, strict=True):
        if credit.name in taken:
            raise BadInputError(
                f"expected each painting to have its own name: {file} and {taken[credit.name]} have not"
            )
        taken[credit.name] = file
    return credits_of


def export_checkpoint(
    run_folder: Path, out: Path, *, name: str | None = None, credits_path: Path | None = None, auto: bool = True
) -> tuple[NetFile, list[Credit]]:
    """Write `NAME.onnx` and `NAME/STYLE.safetensors` of a run as far as it is, after the parity check, into `out`.

    name: the net's; None: the network's, as in `fast`. auto: whether `--net auto` may take it. Raises BadInputError for
    no run, and BackendError, with nothing written, where a runtime paints anything else than PyTorch.
    """
    config, state = read_run(run_folder, BankConfig)
    net = network(config.net)
    net.load_state_dict(state["net"])
    net.settle()
    credits_of = bank_credits(Path(config.styles), credits_path, state["names"])
    facts = config.facts()
    file = export_net(
        out,
        net,
        parity_photos(list_pictures(Path(config.content))),
        name=name or config.net,
        training=facts | {"network": facts.pop("net"), "steps": state["step"] + state.get("before", 0)},
        styles=list(zip(credits_of, state["vectors"], strict=True)),
        auto=auto,
    )
    return file, credits_of
