"""Quality of upscaling: PSNR and SSIM on luma, and a distance of features, on the benchmark sets of the literature."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.judges import Judge
from benchmarks.sr_published import PUBLISHED
from engines.backends import open_engine
from engines.contract import Engine, EngineOptions, Picture
from engines.errors import BadInputError
from engines.net_file import NetFile
from train.sr.evaluation import imresize, match_histogram, psnr, read_pairs, ssim

__all__ = [
    "Method",
    "SETS",
    "Score",
    "as_video_leaves_it",
    "find_sets",
    "markdown",
    "measure",
    "net_method",
    "published",
    "resize_methods",
]

SETS = ("Set5", "Set14", "BSD100", "Urban100")
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
    """By the judges' names: the smaller, the more alike to a network's eye."""
    source: str = ""
    """Where a published figure stands; empty: measured here."""


def find_sets(folder: Path) -> dict[str, Path]:
    """The benchmark sets that are there, by name. Raises BadInputError for none."""
    found = {name: folder / name for name in SETS if (folder / name).is_dir()}
    if not found:
        raise BadInputError(f"expected a folder with {', '.join(SETS)} in it, {folder} has none of them")
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
    judges: Sequence[Judge],
    *,
    spoil: Callable[[Picture, int], Picture] | None = None,
) -> Iterator[Score]:
    """Scores of each method on each set; `scale` pixels of border do not count.

    spoil: makes the small picture of the large one, and of its number in the set; None: as the sets have it.
    """
    for dataset, folder in sets.items():
        pairs = read_pairs(folder, scale)
        if spoil is not None:
            pairs = [(spoil(high, number), high) for number, (_, high) in enumerate(pairs)]
        pairs.sort(key=lambda pair: pair[0].shape)  # one engine a size
        lows = [low for low, _ in pairs]
        figures = []  # pictures, methods, PSNR and SSIM and distances
        for (_, high), *made in zip(pairs, *(method.run(lows) for method in methods), strict=True):
            distances = [judge.distances(made, high) for judge in judges]
            rows = [[psnr(one, high, scale), ssim(one, high, scale)] for one in made]
            figures.append([[*row, *of_it] for row, *of_it in zip(rows, *distances, strict=True)])
        for method, means in zip(methods, np.mean(figures, axis=0).tolist(), strict=True):
            yield Score(
                method=method.name,
                dataset=dataset,
                psnr=means[0],
                ssim=means[1],
                distances={judge.name: mean for judge, mean in zip(judges, means[2:], strict=True)},
            )


def as_video_leaves_it(scale: int) -> Callable[[Picture, int], Picture]:
    """For `measure`: blur, noise and compression as in the training of `perceptual`. Needs the extra `train`."""
    import torch  # noqa: PLC0415 (optional)

    from train.sr.data import degraded  # noqa: PLC0415 (needs torch)

    def spoil(high: Picture, number: int) -> Picture:
        crop = torch.from_numpy(high).permute(2, 0, 1)[None].float()
        low = degraded(crop, scale, "video", np.random.default_rng(number), untouched_share=0)
        return low[0].permute(1, 2, 0).to(torch.uint8).contiguous().numpy()

    return spoil


def published(scale: int, sets: Sequence[str]) -> list[Score]:
    """Figures of the literature for a scale, with their sources."""
    return [
        Score(method=row.method, dataset=name, psnr=row.psnr, ssim=row.ssim, source=row.source)
        for row in PUBLISHED
        for name in sets
        if (row.scale, row.dataset) == (scale, name)
    ]


def markdown(scores: Sequence[Score], judges: Sequence[Judge]) -> str:
    """A table: one row a set and method."""
    names = [judge.name for judge in judges]
    lines = [
        "| set | method | PSNR dB | SSIM |" + "".join(f" {name} |" for name in names) + " source |",
        "|---|---|---|---|" + "---|" * len(names) + "---|",
    ]
    for score in sorted(scores, key=lambda score: SETS.index(score.dataset)):
        figures = [f"{score.psnr:.2f}", "" if score.ssim is None else f"{score.ssim:.4f}"]
        figures += ["" if not score.distances else f"{score.distances[name]:.4f}" for name in names]
        lines.append(f"| {score.dataset} | {score.method} | {' | '.join(figures)} | {score.source or 'here'} |")
    return "\n".join(lines)
