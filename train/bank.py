"""Train a bank: all styles in one net, each a vector of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from engines.errors import BadInputError
from engines.net_file import NetFile
from train.checkpoint import load_checkpoint, take_over
from train.config import BankConfig
from train.credits import Credit, read_credits
from train.export import export_bank, parity_photos
from train.imitation import teacher_from_checkpoint
from train.networks import TransformNet, network
from train.photos import list_pictures
from train.processes import Team
from train.run import Run, Subject

__all__ = ["bank_credits", "bank_run", "export_checkpoint"]

_NOT_FOR_SHOW = ("content", "styles", "start", "imitate", "log_every", "sample_every")


def bank_run(folder: Path, config: BankConfig, team: Team) -> Run:
    """A run that trains the net and all vectors, resumed where `folder` has a checkpoint. Call its `go`."""
    paintings = list_pictures(Path(config.styles))
    names = [painting.stem for painting in paintings]
    torch.manual_seed(config.seed)
    net = network(config.net)
    vectors, before = net.neutral_style(len(names)), 0
    if config.start and not (folder / "checkpoint.pt").exists():
        vectors, before = _take_over(Path(config.start), net, names)
    net.settle()
    teacher = teacher_from_checkpoint(Path(config.imitate), names, team.device) if config.imitate else None
    subject = Subject(
        names=names, paintings=paintings, net=net, vectors=vectors, fit_net=True, before=before, teacher=teacher
    )
    run = Run(folder, config, subject, team)
    run.resume()
    return run


def _take_over(start: Path, net: TransformNet, names: list[str]) -> tuple[Tensor, int]:
    """Give `net` those weights of another run that fit: `micro` can begin with much of `fast`.

    Returns the vectors, the mean of all for new paintings, and for how many steps the net was trained on paintings.
    """
    state = load_checkpoint(start)
    if state is None:
        raise BadInputError(f"expected a checkpoint to start from, there is no {start}")
    vectors = state.get("vectors")
    if vectors is None or vectors.shape[1] != net.style_length:
        raise BadInputError(f"expected {start} to be of a bank whose style vectors fit the net {net.name}, they do not")
    whole = take_over(net, state["net"])
    known = dict(zip(state["names"], vectors.cpu(), strict=True))
    mean = torch.stack(list(known.values())).mean(0)
    counts = whole and not state.get("imitates", False)
    before = state["step"] + state.get("before", 0) if counts else 0
    return torch.stack([known.get(name, mean) for name in names]), before


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
    """Write net and style files of a run as far as it is, after the parity check, into `out`.

    name: the net's; None: the network's, as in `fast`. auto: whether `--net auto` may take it. Raises BadInputError,
    BackendError.
    """
    state = load_checkpoint(run_folder / "checkpoint.pt")
    if state is None:
        raise BadInputError(f"expected the folder of a run, {run_folder} has no checkpoint.pt: train it first")
    config = BankConfig.load(run_folder / "config.json")
    net = network(config.net)
    net.load_state_dict(state["net"])
    credits_of = bank_credits(Path(config.styles), credits_path, state["names"])
    net.settle()
    file = export_bank(
        out,
        net,
        state["vectors"],
        credits_of,
        parity_photos(list_pictures(Path(config.content))),
        name=name or config.net,
        training=training_facts(config, state["step"] + state.get("before", 0)),
        auto=auto,
    )
    return file, credits_of


def training_facts(config: BankConfig, step: int) -> Mapping[str, object]:
    """What the net file says of its training: no paths, so that the file does not depend on where it was made."""
    facts = {key: value for key, value in asdict(config).items() if key not in _NOT_FOR_SHOW}
    return facts | {"network": facts.pop("net"), "steps": step}
