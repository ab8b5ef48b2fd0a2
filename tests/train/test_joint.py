from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from engines.contract import Picture  # noqa: E402
from train.camera import camera_picture, sensor_noise, through_h264, through_jpeg  # noqa: E402
from train.joint import split_by_artist  # noqa: E402
from train.predictor import StylePredictor  # noqa: E402


@pytest.fixture
def photo() -> Picture:
    ramp = np.linspace(0, 255, 96 * 64 * 3).reshape(64, 96, 3)
    return (ramp + 40 * np.sin(np.arange(96) / 3)[None, :, None]).clip(0, 255).astype(np.uint8)


def test_the_same_seed_spoils_a_picture_in_the_same_way(photo: Picture) -> None:
    one, other = (camera_picture(photo, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(one, other)
    assert one.shape == photo.shape
    assert one.dtype == np.uint8


def test_every_frame_has_its_own_noise_as_strong_as_asked(photo: Picture) -> None:
    rng = np.random.default_rng(0)
    grey = np.full_like(photo, 128)
    one, other = (sensor_noise(grey, 6, rng).astype(int) for _ in range(2))
    assert not np.array_equal(one, other)
    assert 3 < (one - 128).std() < 12


@pytest.mark.parametrize("spoil", [lambda p: through_h264(p, 35), lambda p: through_jpeg(p, 30)], ids=["h264", "jpeg"])
def test_codecs_change_a_picture_and_leave_it_recognisable(photo: Picture, spoil: object) -> None:
    made = spoil(photo)  # type: ignore[operator]
    difference = np.abs(made.astype(int) - photo).mean()
    assert made.shape == photo.shape
    assert 0.2 < difference < 20


def test_held_out_paintings_are_whole_artists_and_never_those_of_own_styles() -> None:
    paintings = [Path(f"m/artist-{a}_work-{n}.jpg") for a in range(40) for n in range(5)]
    train, held = split_by_artist(paintings, {"m/artist-3_work-1.jpg"}, 20)
    artists = [{path.name.split("_")[0] for path in group} for group in (train, held)]
    assert len(held) == 20
    assert not artists[0] & artists[1]
    assert "artist-3" not in artists[1]
    assert sorted(train + held) == sorted(paintings)


def test_a_predictor_begins_with_the_vectors_that_it_is_given() -> None:
    predictor = StylePredictor(style_length=8, statistics=5).eval()
    with torch.no_grad():
        predictor.vectors.weight.zero_()
    fine, bold = torch.arange(8.0), -torch.arange(8.0)
    predictor.start_from(fine, bold)
    found = predictor(torch.rand(2, 3, 64, 80))
    assert [tuple(part.shape) for part in found] == [(2, 8), (2, 8), (2, 5)]
    assert torch.equal(found[0], fine.repeat(2, 1))
    assert torch.equal(found[1], bold.repeat(2, 1))
