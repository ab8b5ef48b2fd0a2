"""The environment of other programs, filled from a folder of wheels: nothing is fetched."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
from benchmarks.peers.launcher import PeerEnvironment

from engines.errors import BackendError


def _wheel(folder: Path, version: str) -> None:
    info = f"tiny_peer-{version}.dist-info"
    with zipfile.ZipFile(folder / f"tiny_peer-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_peer.py", f'VERSION = "{version}"\n')
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-peer\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def _version(environment: PeerEnvironment) -> str:
    command = [str(environment.python), "-I", "-c", "import tiny_peer; print(tiny_peer.VERSION)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_it_is_made_once_and_used_again_until_it_is_refreshed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    said: list[str] = []
    environment = PeerEnvironment(tmp_path / "peers", report=said.append)
    assert not environment.folder.exists()
    half_made = environment.folder / "left"
    half_made.mkdir(parents=True)

    _wheel(tmp_path, "1.0")
    environment.need(["tiny-peer"])
    assert not half_made.exists()
    assert [line.partition(" ")[0] for line in said] == ["making", "installing"]
    _wheel(tmp_path, "2.0")
    PeerEnvironment(tmp_path / "peers", report=said.append).need(["tiny-peer"])
    assert len(said) == 2, "it was there"
    assert _version(environment) == "1.0"

    with pytest.raises(BackendError, match=r"^it cannot be installed: Could not find a version .* no-such-peer"):
        environment.need(["tiny-peer", "no-such-peer"])
    assert _version(environment) == "1.0"

    environment.refresh()
    assert not environment.folder.exists()
    environment.refresh()
