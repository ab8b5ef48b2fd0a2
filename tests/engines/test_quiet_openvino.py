from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_CODE = """
import sys, threading
from engines.backends import reports
assert any(report.name == "openvino" and report.usable for report in reports())
assert "openvino_telemetry" not in sys.modules
assert not [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
"""


def test_openvino_does_not_call_home(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", _CODE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "intel").exists()
