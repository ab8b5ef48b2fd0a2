"""Programs that take turns, and the rows that come of it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.peers.launcher import PeerEnvironment
from benchmarks.peers.roster import Peer
from benchmarks.peers.rounds import PeersPlan, measure_peers
from tests.benchmarks.peers.programs import IDENTITY, written

_STREAM = """
def open_program(job):
    def stream(frames, sink):
        for frame in frames:
            sink(frame)
    return {"about": "ours", "call": lambda frame: frame, "stream": stream}
"""
_TWICE = """
def open_program(job):
    assert job["scale"] == 4
    return {"about": "repeats", "call": lambda frame: frame.repeat(4, 0).repeat(4, 1)}
"""
_LATER = """
def open_program(job):
    left = list(range(8))
    return {"about": "tires", "call": lambda frame: frame * 1 if left and left.pop() + 1 else left[0]}
"""
_BROKEN = 'raise RuntimeError("no driver")\n'


def _peer(folder: Path, name: str, text: str, task: str = "stylize") -> Peer:
    return Peer(name=name, task=task, program=written(folder, text, f"{name}.py"), here=True, packages=("numpy",))


def test_rows_have_rates_ratios_and_reasons_in_order(tmp_path: Path) -> None:
    peers = [
        _peer(tmp_path, "ours", _STREAM),
        _peer(tmp_path, "identity", IDENTITY),
        _peer(tmp_path, "broken", _BROKEN),
        _peer(tmp_path, "tires", _LATER),
        _peer(tmp_path, "repeats", _TWICE, "upscale"),
    ]
    plan = PeersPlan(
        sizes={"stylize": (32, 16), "upscale": (16, 16)}, frames=4, warm_up=1, most_s=60, rounds=2, threads=1
    )
    said: list[str] = []
    environment = PeerEnvironment(tmp_path / "none", report=said.append)
    work = tmp_path / "work"
    work.mkdir()
    rows = measure_peers(
        peers, plan, python=Path(sys.executable), environment=environment, work=work, report=said.append
    )
    assert [row["name"] for row in rows] == ["ours", "identity", "broken", "tires", "repeats"]
    ours, identity, broken, tires, repeats = rows

    assert (ours["runs_on"], ours["versions"], ours["frames"]) == ("ours", {"numpy": np.__version__}, 4)
    assert "ratio" not in ours
    assert "stream_fps" not in identity
    for way in ("call", "stream"):
        highest = ours[f"{way}_fps"]["highest"] / identity["call_fps"]["lowest"]
        lowest = ours[f"{way}_fps"]["lowest"] / identity["call_fps"]["highest"]
        assert lowest * 0.99 - 0.01 <= identity["ratio"][way]["median"] <= highest * 1.01 + 0.01
    assert broken == {"name": "broken", "task": "stylize", "reason": "no driver"}
    assert tires["reason"].startswith("IndexError: ")
    assert "call_fps" not in tires
    assert "ratio" not in repeats, "it is the first of its task"

    assert np.load(work / "repeats.npy").shape == (64, 64, 3)
    assert not environment.folder.exists(), "nothing was to be installed"
    assert "broken: cannot run here: no driver" in said
    assert [line for line in said if "broken" in line and "round" in line] == []


def test_without_ours_there_are_rates_and_no_ratios(tmp_path: Path) -> None:
    peers = [_peer(tmp_path, "ours", _BROKEN), _peer(tmp_path, "identity", IDENTITY)]
    plan = PeersPlan(sizes={"stylize": (32, 16)}, frames=3, warm_up=1, most_s=60, rounds=1, threads=1)
    environment = PeerEnvironment(tmp_path / "none", report=print)
    rows = measure_peers(
        peers, plan, python=Path(sys.executable), environment=environment, work=tmp_path, report=lambda _: None
    )
    assert rows[0]["reason"] == "no driver"
    assert rows[1]["call_fps"]["median"] > 0
    assert "ratio" not in rows[1]
