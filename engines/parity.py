"""Whether an engine paints what the reference on the CPU paints: asked before it is used first."""

from __future__ import annotations

import numpy as np

from engines.contract import Engine, EngineOptions, Picture, StyleVector
from engines.errors import BackendError, MissingPackageError, StyleFileError
from engines.library import Library
from engines.net_file import NetFile

__all__ = ["LOWEST_DB", "MOST_APART", "agreement", "check_engine", "check_graph", "trial_pictures", "trial_style"]

LOWEST_DB = {"f16": 45.0, "f32": 55.0}
"""PSNR in dB that an engine of a precision must reach on every picture with something in it."""
MOST_APART = 64.0
"""Of 255: how far the mean colours of a black or white picture may be apart. NaN comes out as black."""
_GRAPH_SIZE = (320, 240)


def check_graph(net: NetFile, graph: NetFile, precision: str) -> float:
    """Compare the graph that is to be compiled with its float32 net, both on the CPU. Returns the lowest PSNR in dB.

    A CPU computes half operators in float32, so this shows wrong conversions, not overflows: those are ruled out by
    structure (`engines.fp16.check_typing`). Raises BackendError below LOWEST_DB.
    """
    with _reference(graph, _GRAPH_SIZE) as engine:
        return _checked(engine, net, precision, f"the {precision} graph of net {net.spec.name}")


def check_engine(engine: Engine, net: NetFile, precision: str) -> float:
    """Compare an engine, on its GPU, with the float32 net on the CPU. Returns the lowest PSNR; raises BackendError."""
    return _checked(engine, net, precision, f"the engine on {engine.spec.device}")


def _checked(engine: Engine, net: NetFile, precision: str, what: str) -> float:
    found_db, apart = agreement(engine, net)
    if not (found_db >= LOWEST_DB[precision] and apart <= MOST_APART):
        raise BackendError(
            f"{what} does not paint what the CPU paints ({found_db:.1f} dB, at least {LOWEST_DB[precision]:.0f} is "
            f"expected; black and white differ by {apart:.0f} of 255): it is not used; try --precision f32, or go on "
            "with --backend openvino"
        )
    return found_db


def agreement(engine: Engine, net: NetFile) -> tuple[float, float]:
    """The lowest PSNR in dB on pictures with something in them, and how far the mean colour of flat ones is apart.

    A norm divides a flat picture's rounding errors by almost nothing: any runtime paints noise there, each its own.
    """
    style = trial_style(net)
    lowest, apart = float("inf"), 0.0
    with _reference(net, engine.spec.size) as reference:
        for picture in trial_pictures(engine.spec.size):
            reference.submit(picture, style)
            engine.submit(picture, style)
            one, other = reference.collect(), engine.collect()
            if np.ptp(picture) == 0:
                apart = max(apart, float(np.abs(one.mean(axis=(0, 1)) - other.mean(axis=(0, 1))).max()))
            else:
                lowest = min(lowest, _psnr_db(one, other))
    return lowest, apart


def trial_pictures(size: tuple[int, int]) -> list[Picture]:
    """uint8 `(h, w, 3)`: black, white, noise, and shapes with soft and hard edges."""
    width, height = size
    random = np.random.default_rng(5)
    noise = random.integers(0, 256, (height, width, 3), np.uint8)
    y, x = np.mgrid[0:height, 0:width]
    waves = [127.5 + 127.5 * np.sin(x / (9 + 7 * c) + y / (23 - 5 * c)) for c in range(3)]
    scene = np.stack(waves, axis=-1).astype(np.uint8)
    scene[height // 4 : height // 2, width // 4 : width // 2] = (230, 40, 60)
    scene[height // 2 :, : width // 3] //= 3
    return [np.zeros_like(noise), np.full_like(noise, 255), noise, scene]


def trial_style(net: NetFile) -> StyleVector | None:
    """A style of the net, or any vector where none is installed; None for a net without styles.

    Larger numbers let a net of tiles, whose statistics are a part of its style, grow until two runtimes differ.
    """
    length = net.spec.style_length
    if not length:
        return None
    library = Library()
    for name in library.styles_of(net):
        try:
            return library.style(name, net).vector
        except StyleFileError:
            continue  # of another file of that net
    return np.random.default_rng(7).uniform(0.3, 1.0, length).astype(np.float32)


def _reference(net: NetFile, size: tuple[int, int]) -> Engine:
    """The net on the CPU in f32."""
    from engines.backends import open_engine

    options = EngineOptions(precision="f32", depth=1)
    try:
        return open_engine(net, size, backend="openvino", options=options)
    except MissingPackageError:
        return open_engine(net, size, backend="onnxruntime", options=options)


def _psnr_db(one: Picture, other: Picture) -> float:
    error = float(np.mean((one.astype(np.float32) - other.astype(np.float32)) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))
