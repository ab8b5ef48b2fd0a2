from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from train.sr.evaluation import imresize, read_pairs

from engines.errors import BadInputError
from tests.conftest import shared


def _write(path: Path, height: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def test_pairs_have_sides_that_fit() -> None:
    pairs = read_pairs(shared("sr/Set14"), 3)
    assert len(pairs) == 14
    assert all(high.shape[:2] == (3 * low.shape[0], 3 * low.shape[1]) for low, high in pairs)


def test_a_scale_that_the_set_lacks_is_made_of_another_one(tmp_path: Path) -> None:
    _write(tmp_path / "HR_x4" / "a.png", 40, 52)
    ((low, high),) = read_pairs(tmp_path, 3)
    assert (low.shape, high.shape) == ((13, 17, 3), (39, 51, 3))
    np.testing.assert_array_equal(low, imresize(high, Fraction(1, 3)))


def test_pictures_that_are_no_pair_are_refused(tmp_path: Path) -> None:
    _write(tmp_path / "HR_x4" / "a.png", 40, 52)
    _write(tmp_path / "LR_x4" / "a.png", 10, 12)
    with pytest.raises(BadInputError, match="4 times the other"):
        read_pairs(tmp_path, 4)


def test_a_missing_low_resolution_is_named(tmp_path: Path) -> None:
    _write(tmp_path / "HR_x4" / "a.png", 40, 52)
    (tmp_path / "LR_x4").mkdir()
    with pytest.raises(BadInputError, match=r"LR_x4.a\.png cannot be read"):
        read_pairs(tmp_path, 4)


def test_a_folder_that_is_no_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="HR_xN"):
        read_pairs(tmp_path, 4)
