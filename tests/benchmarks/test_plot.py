from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("matplotlib")

from benchmarks.plots import check_plot, plot_job, plot_objectives, plot_rates

from engines.errors import BadInputError, OutputError
from tests.benchmarks.fps_rows import MACHINE, fps_row


def test_rates_are_drawn_and_rows_without_figures_are_not(tmp_path: Path) -> None:
    rows = [fps_row(400 / n, 300 / n, size=[64 * n, 48 * n]) for n in (3, 1, 2)]
    failed = {"net": "fast", "size": [64, 48], "reason": "no GPU"}
    plot_rates([*rows, failed], MACHINE, tmp_path / "all.png")
    plot_rates(rows[:1], MACHINE, tmp_path / "one.svg")
    with Image.open(tmp_path / "all.png") as image:
        assert image.size[0] > 600
        assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 50
    svg = (tmp_path / "one.svg").read_text()
    assert "fast, openvino f32" in svg
    assert "30 frames/s" in svg
    with pytest.raises(BadInputError, match="nothing to plot"):
        plot_rates([failed], MACHINE, tmp_path / "none.png")


def test_a_job_is_drawn_with_all_its_parts_in_one_order(tmp_path: Path) -> None:
    job = {
        "frames": 10,
        "seconds": 1.0,
        "fps": 10.0,
        "thread_seconds": {
            "read": {"decode": 0.2, "convert": 0.1, "wait_out": 0.6},
            "paint": {"wait_in": 0.1, "infer": 0.8, "wait_out": 0.0},
            "write": {"wait_in": 0.5, "convert": 0.1, "encode": 0.3, "streams": 0.05},
        },
    }
    plot_job({"net": "fast", "size": [64, 48], "job": job}, MACHINE, tmp_path / "job.svg")
    svg = (tmp_path / "job.svg").read_text()
    words = ["decode", "convert", "infer", "encode and write", "sound and other streams", "wait for frames"]
    places = [svg.index(f"<!-- {word} -->") for word in words]
    assert places == sorted(places)


def test_objectives_are_drawn_for_each_style_beside_the_optimisation(tmp_path: Path) -> None:
    row = {"lbfgs": {"0": 9e6, "50": 3e5, "500": 1e5}, "objective": {"photo": 2e6, "fast": 2e5, "micro": 2.5e5}}
    figures = {"size": 256, "photos": 3, "styles": {f"style-{n}": row for n in range(5)}}
    plot_objectives(figures, tmp_path / "curves.svg")
    svg = (tmp_path / "curves.svg").read_text()
    words = ["L-BFGS", "fast", "micro", "objective / 1000, mean of 3 photos of 256x256"]
    for shown in (*words, *(f"style-{n}" for n in range(5))):
        assert f"<!-- {shown} -->" in svg
    with pytest.raises(BadInputError, match="nothing to plot"):
        plot_objectives({"size": 256, "photos": 1, "styles": {"wave": {**row, "lbfgs": {}}}}, tmp_path / "none.png")


def test_what_could_not_be_drawn_is_refused_before_the_measuring(tmp_path: Path) -> None:
    check_plot(tmp_path / "a.png")
    with pytest.raises(BadInputError, match=r"ends in \.png"):
        check_plot(tmp_path / "a.txt")
    with pytest.raises(OutputError, match="make it first"):
        check_plot(tmp_path / "none" / "a.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        plot_rates([fps_row()], MACHINE, tmp_path / "folder.png")
