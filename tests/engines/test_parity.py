"""Backends paint the same picture, on real photos, in every shipped style."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from engines.backends import open_engine, reports
from engines.contract import EngineOptions, Picture
from engines.library import DEFAULT_NET, Library, shipped_folder
from engines.styles import resolve_style
from tests.conftest import shared

SIZE = (320, 240)


@pytest.fixture(scope="module")
def photos() -> list[Picture]:
    """Six photos of the test data, spread over its sources, uint8 `(240, 320, 3)` RGB."""
    files = sorted(shared("content").glob("*.jpg"))
    chosen = files[:: len(files) // 6][:6]
    return [np.asarray(cv2.resize(cv2.imread(str(file)), SIZE)[..., ::-1], np.uint8) for file in chosen]


def _paintings(photos: list[Picture], backend: str, precision: str) -> Iterator[Picture]:
    """Each photo in three styles of the shipped net, other ones for each."""
    library = Library(shipped_folder())
    styles = list(library.styles(DEFAULT_NET))
    net = library.net(DEFAULT_NET)
    with open_engine(net, SIZE, backend=backend, options=EngineOptions(precision=precision)) as engine:
        for number, photo in enumerate(photos):
            for style in range(3):
                name = styles[(3 * number + style) % len(styles)]
                engine.submit(photo, resolve_style(name, net=DEFAULT_NET, library=library).vector)
                yield engine.collect()


def test_openvino_and_onnxruntime_agree_within_one_of_255(photos: list[Picture]) -> None:
    pytest.importorskip("onnxruntime")
    pairs = zip(_paintings(photos, "openvino", "f32"), _paintings(photos, "onnxruntime", "f32"), strict=True)
    worst = max(int(np.abs(one.astype(int) - other).max()) for one, other in pairs)
    assert worst <= 1


def test_bf16_keeps_the_picture_to_40_db(photos: list[Picture]) -> None:
    text = next(report.text for report in reports() if report.name == "openvino")
    if "bf16" not in text.rpartition("can do ")[2]:
        pytest.skip("this CPU has no bf16")
    pairs = list(zip(_paintings(photos, "openvino", "bf16"), _paintings(photos, "openvino", "f32"), strict=True))
    assert any(not np.array_equal(one, other) for one, other in pairs)  # bf16 was really used
    assert min(cv2.PSNR(one, other) for one, other in pairs) >= 40
