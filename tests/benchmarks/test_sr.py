import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from benchmarks.upscaling import (
    Method,
    Score,
    find_sets,
    measure,
    net_method,
    published,
    resize_methods,
    upscaling_table,
    video_degradation,
)

from engines.contract import EngineOptions
from engines.errors import BadInputError
from tests.conftest import shared
from tests.engines.nets import add_net, identity_net

_OPTIONS = EngineOptions(precision="f32")


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Two benchmark sets of two small pictures each, of two sizes."""
    rng = np.random.default_rng(0)
    for name in ("Set5", "BSD100"):
        for number, (height, width) in enumerate(((64, 72), (72, 64))):
            folder = tmp_path / "sets" / name / "HR_x4"
            folder.mkdir(parents=True, exist_ok=True)
            small = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
            cv2.imwrite(
                str(folder / f"{number}.png"), cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
            )
    return tmp_path / "sets"


def test_bicubic_has_the_known_figure_on_set5() -> None:
    bicubic, lanczos = resize_methods(4)
    scores = list(measure([bicubic, lanczos], {"Set5": shared("sr/Set5")}, 4, []))
    assert scores[0].psnr == pytest.approx(28.42, abs=0.006)
    assert scores[1].psnr > scores[0].psnr


def test_each_method_is_measured_on_each_set(sets: Path) -> None:
    scores = list(measure(resize_methods(2), find_sets(sets), 2, []))
    assert [(score.dataset, score.method) for score in scores] == [
        ("Set5", "bicubic"),
        ("Set5", "Lanczos"),
        ("BSD100", "bicubic"),
        ("BSD100", "Lanczos"),
    ]


def test_a_net_is_measured_through_its_engine(sets: Path) -> None:
    method = net_method(identity_net(name="sr2-fidelity", scale=2), backend="openvino", options=_OPTIONS)
    repeated = Method(name="by hand", run=lambda pictures: (p.repeat(2, 0).repeat(2, 1) for p in pictures))
    engine, by_hand = measure([method, repeated], {"Set5": sets / "Set5"}, 2, [])
    assert engine.psnr == pytest.approx(by_hand.psnr)
    assert engine.ssim == pytest.approx(by_hand.ssim)


def test_matching_histograms_makes_another_row(sets: Path) -> None:
    net = identity_net(name="sr2-fidelity", scale=2)
    methods = [net_method(net, backend="openvino", options=_OPTIONS, histogram=matched) for matched in (False, True)]
    assert [score.method for score in measure(methods, {"Set5": sets / "Set5"}, 2, [])] == [
        "sr2-fidelity",
        "sr2-fidelity + histogram",
    ]


def test_published_figures_have_sources_and_stand_in_the_table() -> None:
    scores = published(4, ["Set5"])
    assert {score.method: score.psnr for score in scores} == {"SRCNN": 30.48, "FSRCNN": 30.71, "ESPCN": 30.90}
    assert all(score.source for score in scores)
    table = upscaling_table([*scores, Score(method="ours", dataset="Set5", psnr=31, ssim=0.88)], [])
    assert "| Set5 | SRCNN | 30.48 | 0.8628 | Dong" in table
    assert "| Set5 | ours | 31.00 | 0.8800 | here |" in table


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="Set5, Set14, BSD100, Urban100"):
        find_sets(tmp_path)


def test_spoiled_pictures_score_lower(sets: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra train")
    (bicubic, _), only = resize_methods(2), {"Set5": sets / "Set5"}
    (clean,) = measure([bicubic], only, 2, [])
    spoilt, again = (next(measure([bicubic], only, 2, [], spoil=video_degradation(2))) for _ in range(2))
    assert spoilt.psnr < clean.psnr - 0.1
    assert again.psnr == spoilt.psnr  # the same for whoever repeats it


def _bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rtstyle", "bench", "quality", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_prints_one_json_object(sets: Path, tmp_path: Path) -> None:
    net = add_net(tmp_path, identity_net(name="sr2-fidelity", scale=2))
    done = _bench("--sr", 2, "--data", sets, "--net", net, "--json")
    assert done.returncode == 0, done.stderr
    methods = {score["method"] for score in json.loads(done.stdout)["scores"]}
    assert {"bicubic", "Lanczos", "sr2-fidelity", "SRCNN"} <= methods


def test_the_command_refuses_a_net_of_another_scale(sets: Path, tmp_path: Path) -> None:
    net = add_net(tmp_path, identity_net(name="sr2-fidelity", scale=2))
    done = _bench("--sr", 3, "--data", sets, "--net", net)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rtstyle: expected a net that enlarges 3 times")


def test_measuring_needs_no_torch() -> None:
    code = "import sys, benchmarks.upscaling, rtstyle.commands.bench_quality; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
