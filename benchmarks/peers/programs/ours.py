"""rtstyle itself, through its Python API: `Stylizer` or `Upscaler`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engines.cache import cache_folder
from engines.contract import EngineOptions
from realtime.pipeline import joined, open_pipeline, resolve
from realtime.user_options import StyleOptions
from rtstyle.api import Stylizer, Upscaler

if TYPE_CHECKING:
    from benchmarks.peers.runner import Frame, Job, Program, Sink

__all__ = ["open_program"]


def open_program(job: Job) -> Program:
    """`settings`: backend, and either net, or sr with sr_mode."""
    settings = job["settings"]
    frames: Stylizer | Upscaler
    if "sr" in settings:
        frames = Upscaler(settings["sr"], mode=settings["sr_mode"], backend=settings["backend"])
    else:
        frames = Stylizer(net=settings["net"], backend=settings["backend"])

    def stream(clip: Iterator[Frame], sink: Sink) -> None:
        for picture in frames.stream(clip):
            sink(picture)

    return {"about": _about(job), "call": frames, "stream": stream}


def _about(job: Job) -> str:
    settings, (width, height) = job["settings"], job["size"]
    wanted = StyleOptions(net=settings.get("net"), sr=settings.get("sr"), sr_mode=settings.get("sr_mode"))
    chosen, options = resolve(wanted), EngineOptions(cache=cache_folder())
    with open_pipeline(chosen, (width, height), backend=settings["backend"], options=options) as opened:
        return f"{joined(opened.specs, 'backend')} {joined(opened.specs, 'precision')}"
