from __future__ import annotations

from pathlib import Path

from realtime.live.cameras import cameras


def test_cameras_are_listed_by_number_without_their_metadata_nodes(tmp_path: Path) -> None:
    for name, label, index in [("video10", "HDMI", "0"), ("video2", "Web\n", "0"), ("video3", "Web", "1")]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(label)
        (tmp_path / name / "index").write_text(index)
    assert [(camera.source, camera.path, camera.name) for camera in cameras(tmp_path)] == [
        ("2", "/dev/video2", "Web"),
        ("10", "/dev/video10", "HDMI"),
    ]
    assert cameras(tmp_path / "none") == []
