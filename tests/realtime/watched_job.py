"""python -m tests.realtime.video.watched_job IN OUT: a video, and how much memory this process had on the way, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil

from realtime.pipeline import ResolvedPipeline
from realtime.video.job import VideoJob, stylize_video_file
from tests.realtime.video.clips import identity_net


def main(source: Path, target: Path) -> None:
    job = VideoJob(source=source, target=target, pipeline=ResolvedPipeline(net=identity_net()))
    resident: dict[int, int] = {}

    def progress(written: int, _expected: int | None, _rate: float) -> None:
        if written % 1000 == 0:
            resident[written] = psutil.Process().memory_info().rss

    frames = stylize_video_file(job, progress=progress).frames
    print(json.dumps({"frames": frames, "resident": resident}))  # noqa: T201 (read by the test)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
