"""Calibration for int8: how large the numbers are that go into a net's convolutions, measured on pictures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engines.contract import EngineOptions, Picture, StyleVector
from engines.int8 import last_quantized_input, quantized_inputs
from engines.net_file import NetFile, net_from_model
from engines.openvino_backend import open_engine, openvino_core

__all__ = ["LOWEST_PSNR", "best_scale", "int8_psnr", "with_int8_scales"]

_SAMPLE = 4096
"""Values looked at for each tensor, picture and style."""
_LEVELS = {True: 127, False: 255}
_CUTS = np.linspace(0.2, 1, 41)
"""Largest value kept, over the largest seen."""
LOWEST_PSNR = 30.0
"""dB between the pictures in 8 bits and in float32; the shipped nets have 42 or more."""

_log = logging.getLogger(__name__)


def with_int8_scales(
    net: NetFile, frames: Sequence[Picture], styles: Sequence[StyleVector | None], *, float_head: bool = False
) -> NetFile:
    """The net with its scales for 8 bits in the metadata: every frame is painted with every style, in float32.

    float_head: the last large convolution gets none.
    frames: uint8 `(h, w, 3)` RGB, all of one size that the net takes. styles: float32 `(style_length,)`, or None for a
    net without styles. The digest changes. A net comes back as it is where it has no large convolutions, or, with a
    warning in the log, where 8 bits would show.
    """
    import onnx

    model = onnx.load_model_from_string(net.model)
    signed = quantized_inputs(model)
    if float_head and signed:
        del signed[last_quantized_input(model)]
    if not signed:
        return net
    samples = _sampled(net, list(signed), frames, styles)
    scales = {name: best_scale(samples[name], signed=signed[name]) for name in signed}
    made = net_from_model(model, replace(net.spec, int8_scales=scales))
    psnr = min(int8_psnr(made, frames[0], style) for style in styles)
    if psnr < LOWEST_PSNR:
        _log.warning("net %s stays without int8: it would paint %.0f dB from float32", net.spec.name, psnr)
        return net
    return made


def best_scale(values: NDArray[np.float32], *, signed: bool) -> float:
    """The step between neighbouring 8-bit numbers that leaves the smallest squared error, clipping included.

    The minimum over a grid (Nagel et al. 2021, section 3.1). `signed`: whether values may be below 0.
    """
    levels = _LEVELS[signed]
    largest = float(np.abs(values).max(initial=0))
    if not largest:
        return 1.0
    steps = [float(cut) * largest / levels for cut in _CUTS]
    lowest = -levels if signed else 0
    errors = [float(np.square(np.rint(values / s).clip(lowest, levels) * s - values).mean()) for s in steps]
    return steps[int(np.argmin(errors))]


def _sampled(
    net: NetFile, names: list[str], frames: Sequence[Picture], styles: Sequence[StyleVector | None]
) -> dict[str, NDArray[np.float32]]:
    """Values of each tensor, evenly spread over the picture, and its largest."""
    core = openvino_core()
    graph = core.read_model(net.model)
    graph.add_outputs(names)
    shapes = {"frame": [1, *frames[0].shape]}
    if net.spec.style_length:
        shapes["style"] = [1, net.spec.style_length]
    graph.reshape(shapes)
    request = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    random = np.random.default_rng(0)
    for frame in frames:
        for style in styles:
            request.infer({"frame": frame[None]} | ({} if style is None else {"style": style[None]}))
            for name in names:
                values = np.asarray(request.get_tensor(name).data, np.float32).ravel()
                found[name] += [random.choice(values, _SAMPLE), values[[values.argmin(), values.argmax()]]]
    return {name: np.concatenate(parts) for name, parts in found.items()}


def int8_psnr(net: NetFile, frame: Picture, style: StyleVector | None) -> float:
    """Of what is painted in 8 bits against float32, in dB. frame: uint8 `(h, w, 3)` RGB, of any size."""
    pictures = []
    for precision in ("f32", "int8"):
        options = EngineOptions(precision=precision, depth=1)
        height, width = frame.shape[:2]
        with open_engine(net, (width, height), options) as engine:
            engine.submit(frame, style)
            pictures.append(engine.collect().astype(np.float64))
    error = float(np.square(pictures[0] - pictures[1]).mean())
    return float(10 * np.log10(255**2 / max(error, 1e-9)))
