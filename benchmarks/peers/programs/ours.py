"""rtstyle itself, through its Python API: `Stylizer` or `Upscaler`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engines.cache import cache_folder
from engines.contract import EngineOptions
from realtime.chain import open_painter
from realtime.recipe import joined, recipe
from rtstyle.stylizer import Stylizer
from rtstyle.upscaler import Upscaler

if TYPE_CHECKING:
    from benchmarks.peers.contract import Frame, Job, Program, Sink

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
    chosen = recipe(net=settings.get("net"), sr=settings.get("sr"), sr_mode=settings.get("sr_mode"))
    options = EngineOptions(cache=cache_folder())
    with open_painter(chosen.net, None, (width, height), backend=settings["backend"], options=options) as painter:
        return f"{joined(painter.specs, 'backend')} {joined(painter.specs, 'precision')}"
