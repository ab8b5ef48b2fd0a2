from __future__ import annotations

import json
import math
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from benchmarks.nets import styled_nets
from benchmarks.stability import (
    INPUT,
    clip_scene,
    find_clips,
    last_photos,
    scenes_of,
    stability_of,
    stability_table,
    summary,
)
from engines.errors import BadInputError
from engines.library import shipped_folder
from tests.engines.nets import add_net, tint_net
from tests.rtstyle.command import refused, run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 256, (10, 12, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(noise, (96, 80), interpolation=cv2.INTER_CUBIC))
    (folder / "9.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
        noise = np.random.default_rng(3).integers(0, 256, (12, 16, 3), np.uint8)
        wide = cv2.resize(noise, (140, 80), interpolation=cv2.INTER_CUBIC)
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(wide[:, 2 * number : 2 * number + 96]), format="rgb24"
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_clip_moves_as_it_was_made_to(clip: Path) -> None:
    moments = list(clip_scene(clip, 4))
    assert len(moments) == 4
    assert moments[0].flow is None
    assert moments[2].flow is not None
    assert np.allclose(np.median(moments[2].flow, axis=(0, 1)), [2, 0], atol=0.2)


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no video")
    with pytest.raises(BadInputError, match="expected a video file"):
        list(clip_scene(tmp_path / "x.mp4", 3))
    with pytest.raises(BadInputError, match="or a folder with some"):
        find_clips(tmp_path / "nowhere")


def test_every_net_and_style_is_measured_beside_the_input(clip: Path, photos: Path) -> None:
    (shipped,) = styled_nets("fast", ["udnie", "wave"])
    (by_file,) = styled_nets(str(shipped_folder() / "fast.onnx"), ["udnie"])
    told: list[str] = []
    scenes = scenes_of([clip], last_photos(photos, 1), frames=3)
    found = stability_of([shipped, by_file], scenes, lambda name, _: told.append(name))
    assert told == list(found) == ["clip", "pan 1", "still 1", "zoom 1"]
    for errors in found.values():
        assert list(errors) == [INPUT, "fast udnie", "fast wave", f"{by_file.label} udnie"]
        assert all(0 < value < 1 for value in errors.values())
        assert errors["fast udnie"] == errors[f"{by_file.label} udnie"]
    assert "| fast wave |" in stability_table(found)


def test_the_summary_is_the_root_mean_square_over_scenes() -> None:
    assert summary({"a": {"x": 3.0}, "b": {"x": 4.0}}) == {"x": math.sqrt(12.5)}


def test_unknown_styles_and_nets_without_styles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="did you mean udnie"):
        styled_nets("fast", ["udnei"])
    with pytest.raises(BadInputError, match="has no styles"):
        styled_nets(str(add_net(tmp_path, tint_net())))


def test_the_command_prints_figures_with_the_machine(photos: Path) -> None:
    done = run(
        "bench", "stability", "--content", photos, "--photos", "1", "--frames", "3", "--style", "udnie", "--json"
    )
    figures = json.loads(done.stdout)
    assert set(figures["mean"]) == {"input", "fast udnie"}
    assert figures["machine"]["cores"]
    assert "expected --clips" in refused("bench", "stability")
