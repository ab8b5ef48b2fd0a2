"""One more style for a net that is there: only the style vector is fitted (Dumoulin et al. 2017, section 3.1)."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from engines.calibration import LOWEST_PSNR, int8_psnr
from engines.library import Style, write_style
from engines.net_file import NetFile
from train.batches import Batch, first_batch
from train.config import StyleConfig
from train.credits import Credit
from train.export import check_parity, parity_photos, style_of
from train.objective import content_features, perceptual_terms
from train.paintings import read_painting
from train.processes import Team
from train.run import Run, Subject
from train.weights import network_from_net_file

__all__ = ["limit_minutes", "style_run", "write_fitted_style"]

_TIMED_STEPS = 3
_log = logging.getLogger(__name__)


def style_run(folder: Path, config: StyleConfig, team: Team, net: NetFile, styles: Sequence[Style]) -> Run:
    """A run that fits one vector of `net`, resumed where `folder` has a checkpoint. Call its `go`.

    styles: those that the net has. The vector starts as the one of them, or their mean, that comes nearest.
    """
    read_painting(Path(config.painting), config.painting_size)  # a file that is none shows at once
    network = network_from_net_file(net)
    subject = Subject(
        names=[config.name],
        paintings=[Path(config.painting)],
        net=network,
        vectors=network.neutral_style(),
        fit_net=False,
    )
    run = Run(folder, config, subject, team)
    if not run.resume() and styles:
        vectors = torch.stack([torch.from_numpy(style.vector) for style in styles])
        candidates = torch.cat([vectors, vectors.mean(0, keepdim=True)]).to(team.device)
        losses = torch.stack([_style_loss(run, vector) for vector in candidates])
        with torch.no_grad():
            run.vectors.copy_(candidates[losses.argmin()][None])
    return run


def limit_minutes(run: Run, minutes: float) -> None:
    """Lower the number of steps of a run that has not begun to what is done in so many minutes at today's pace.

    The config of the run then says how many, so that it can be repeated.
    """
    batch = _first_batch(run)
    run.gradients(batch)
    started = time.perf_counter()
    for _ in range(_TIMED_STEPS):
        run.gradients(batch)
    if run.team.device.type == "cuda":
        torch.cuda.synchronize()
    pace_s = float(run.team.mean(torch.tensor((time.perf_counter() - started) / _TIMED_STEPS, device=run.team.device)))
    run.set_steps(max(1, min(run.config.steps, int(minutes * 60 / pace_s))))


def write_fitted_style(run: Run, net: NetFile, credit: Credit, path: Path) -> Style:
    """Write the style file of a finished run, after a parity check. Raises BackendError."""
    vector = run.vectors.detach().float().cpu()[0]
    photos = parity_photos(run.held_out or run.photos)
    check_parity(run.net.cpu().eval(), net, [vector], photos)
    if net.spec.int8_scales and (psnr := int8_psnr(net, photos[0], vector.numpy())) < LOWEST_PSNR:
        _log.warning(
            "style %s needs larger numbers than net %s has in 8 bits, it is painted %.0f dB from float32: --precision "
            "bf16 or f32 paints it as it was trained",
            credit.name,
            net.spec.name,
            psnr,
        )
    style = style_of(vector, credit, net)
    write_style(path, style)
    return style


@torch.no_grad()
def _style_loss(run: Run, vector: Tensor) -> Tensor:
    """vector: float32 `(style_length,)`. Returns a scalar."""
    batch = _first_batch(run)
    with run.precision():
        painted = run.net(batch.photos, vector.expand(len(batch.photos), -1))
        content = content_features(batch.photos, run.loss_network)
        terms = perceptual_terms(
            painted,
            content,
            batch.styles,
            targets=run.targets,
            loss_network=run.loss_network,
            weights=run.config.weights,
        )
    return terms.style.mean()


def _first_batch(run: Run) -> Batch:
    return first_batch(run.photos, styles=len(run.names), config=run.config, part=run.part, device=run.team.device)
